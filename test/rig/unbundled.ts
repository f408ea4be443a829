/** The `atlas` command from the single files, for preloads that change a class of ours or of a library: in the bundle there is another one. */
import { run } from '../../gateway/main.ts'

await run()
