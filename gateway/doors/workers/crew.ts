/** From a configuration with workers to processes that serve it. */
import { readFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Log, sha256 } from '#contract'
import type { GatewayConfig, ListenAddress } from '../../../config/model.ts'
import type { Crew } from '../start.ts'
import { WorkerError, Workers } from './workers.ts'

/** @throws WorkerError */
export async function crewOf(config: GatewayConfig, log: Log): Promise<Crew> {
  const text = await readFile(config.file, 'utf8')
  if (sha256(text) !== config.digest) throw new WorkerError(`${config.file} was changed during the start; start again`)
  const program = fileURLToPath(new URL('./main.js', import.meta.url))
  const all = new Workers({ count: config.workers, program, args: [config.file], log })
  return {
    all,
    fellows: all.fellows,
    async begin({ ground }) {
      const failed = (): string | undefined => (ground.lost().includes('ledger') ? 'the process that feeds the ledger cannot write it' : undefined)
      const port = await portOf(config.listen)
      return all.start({ text, port, ledgerId: ground.ledgerId, ledgerFailed: failed, tell: (notice) => ground.notices.tell(notice) })
    },
  }
}

/** Where the system is to choose it does so once: a worker that is started again needs the port of the others. */
function portOf({ host, port }: ListenAddress): Promise<number> {
  if (port !== 0) return Promise.resolve(port)
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, host, () => {
      const { port: chosen } = server.address() as AddressInfo
      server.close(() => resolve(chosen))
    })
  })
}
