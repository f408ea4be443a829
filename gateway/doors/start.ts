/** Opens both ports, then the gateway behind them: nothing is half started when one of them cannot be had. */
import type { AddressInfo } from 'node:net'
import type http from 'node:http'
import type { Log } from '#contract'
import type { GatewayConfig, ListenAddress } from '../../config/model.ts'
import type { CertificateFiles } from '../../config/certificates.ts'
import { type Surroundings, systemChance } from '../ground/index.ts'
import { Gateway } from '../gateway.ts'
import { type Office, PayoutSchedule } from '../office/index.ts'
import { AdminDoor } from './admin.ts'
import { PublicDoor } from './public.ts'
import { Certificate, CertificateError } from './tls.ts'

export class PortError extends Error {
  override name = 'PortError'
}

export interface Running {
  readonly gateway: Gateway
  readonly office: Office
  readonly publicUrl: string
  readonly adminUrl: string
  /** Calls under way have `graceMs`. */
  close(graceMs: number): Promise<void>
}

export async function startDoors(
  config: GatewayConfig,
  secrets: ReadonlyMap<string, string | Buffer>,
  log: Log,
  more: Omit<Surroundings, 'log'> = {},
): Promise<Running> {
  const certificates = new Certificates(log)
  const publicDoor = new PublicDoor(config, systemChance.hex(6), certificates.of(config.tls, 'tls'))
  const adminDoor = new AdminDoor(config, certificates.of(config.admin.tls, 'admin.tls'))
  const doors = [publicDoor.server, adminDoor.server]
  try {
    const publicUrl = await listen(publicDoor.server, { ...config.listen, tls: config.tls, setting: 'PORT or listen' })
    const adminUrl = await listen(adminDoor.server, { ...config.admin, setting: 'ADMIN_PORT or admin.listen' })
    const gateway = await Gateway.open(config, secrets, { log, ...more })
    gateway.engine.origin = config.publicUrl ?? publicUrl
    adminDoor.serve(gateway)
    publicDoor.serve(gateway, adminDoor.office)
    const schedule = scheduleOf(gateway, adminDoor.office)
    return {
      gateway,
      office: adminDoor.office,
      publicUrl,
      adminUrl,
      async close(graceMs) {
        // Idle connections end at once; busy ones with their answer.
        for (const door of doors) {
          door.close()
          door.closeIdleConnections()
        }
        await schedule?.close()
        await gateway.close(graceMs)
        for (const door of doors) door.closeAllConnections()
        certificates.close()
      },
    }
  } catch (error) {
    for (const door of doors) {
      door.close()
      door.closeAllConnections()
    }
    certificates.close()
    throw error
  }
}

/** Payouts by themselves, where the configuration says how often. */
function scheduleOf({ ground }: Gateway, office: Office): PayoutSchedule | undefined {
  const { config, clock, log } = ground
  const everyMs = config.payout?.everyMs
  return everyMs === undefined ? undefined : new PayoutSchedule({ run: (signal) => office.pay('gateway', signal), everyMs, clock, log })
}

/** Ports with the same files share what is read of them. */
class Certificates {
  readonly #log: Log
  readonly #opened = new Map<string, Certificate>()

  constructor(log: Log) {
    this.#log = log
  }

  /** @throws PortError where the files have gone bad since they were checked */
  of(files: CertificateFiles | undefined, setting: string): Certificate | undefined {
    if (files === undefined) return undefined
    const name = JSON.stringify([files.cert, files.key])
    try {
      const certificate = this.#opened.get(name) ?? new Certificate(files, this.#log)
      this.#opened.set(name, certificate)
      return certificate
    } catch (error) {
      this.close()
      if (error instanceof CertificateError) throw new PortError(`${setting}: ${error.message}`, { cause: error })
      throw error
    }
  }

  close(): void {
    for (const certificate of this.#opened.values()) certificate.close()
  }
}

interface Wanted extends ListenAddress {
  readonly tls?: CertificateFiles | undefined
  readonly setting: string
}

function listen(server: http.Server, { host, port, tls, setting }: Wanted): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, host, port, setting)))
    server.listen(port, host, 1024, () => {
      const address = server.address() as AddressInfo
      resolve(`${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`)
    })
  })
}

function portError(error: NodeJS.ErrnoException, host: string, port: number, setting: string): PortError {
  const place = `${host}:${port}`
  if (error.code === 'EADDRINUSE')
    return new PortError(`${place} is in use by another program; stop that, or choose another port with ${setting}`, { cause: error })
  if (error.code === 'EACCES') return new PortError(`${place} may not be listened on by this user; choose another port with ${setting}`, { cause: error })
  return new PortError(`${place} cannot be listened on (${error.code ?? error.message}); correct ${setting}`, { cause: error })
}
