/** The entry: the atlas command (gateway/doors/cli). */
import { runCli } from './doors/cli/program.ts'

await runCli(process.argv)
