/** What a worker runs, with the name of the configuration; `workers.ts` starts it. */
import { work } from './worker.ts'

await work(process.argv[2])
