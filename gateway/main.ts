/** The entry: the atlas command (gateway/doors/cli). */
import { type Refresh, runCli } from './doors/cli/program.ts'

/** `refresh`: makes what was dropped into plugins/ and adapters/ since the start ready to be loaded. */
export const run = (more: { readonly refresh?: Refresh } = {}): Promise<void> => runCli(process.argv, more)
