/** What a worker runs, with the name of the configuration; `workers.ts` starts it. */
import { collectWhileServing, collectWhileStarting } from '../cli/collecting.ts'

collectWhileStarting()
const { work } = await import('./worker.ts')
await work(process.argv[2])
collectWhileServing()
