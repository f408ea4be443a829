/** Opens both ports, then the gateway behind them: nothing is half started when one of them cannot be had. */
import type { AddressInfo } from 'node:net'
import type http from 'node:http'
import type { Log } from '#contract'
import type { GatewayConfig, Limits, ListenAddress } from '../../config/model.ts'
import type { CertificateFiles } from '../../config/certificates.ts'
import { type Surroundings, systemChance } from '../ground/index.ts'
import { Gateway } from '../gateway.ts'
import { Office, PayoutSchedule } from '../office/index.ts'
import { AdminDoor } from './admin.ts'
import { liveOf } from './live.ts'
import { PublicDoor } from './public.ts'
import { Certificate, CertificateError } from './tls.ts'
import { endBeyond } from './workers/full.ts'
import type { Workers } from './workers/workers.ts'

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

export interface Starting extends Omit<Surroundings, 'log'> {
  /** They serve consumers in place of this process. */
  readonly workers?: Crew
}

/** What is to be known of workers here; `begin` tells them what to do and resolves with their address when all of them serve. */
export interface Crew {
  readonly all: Workers
  begin(gateway: Gateway): Promise<string>
}

export async function startDoors(
  config: GatewayConfig,
  secrets: ReadonlyMap<string, string | Buffer>,
  log: Log,
  { workers, ...more }: Starting = {},
): Promise<Running> {
  const certificates = new Certificates(log)
  const doors = new Doors(config, certificates, { serves: workers === undefined, isWorker: more.worker !== undefined })
  let gateway: Gateway | undefined
  try {
    // A port that cannot be had is known before anything else is opened; a worker gets connections as soon as it listens.
    if (more.worker === undefined) await doors.listen()
    gateway = await Gateway.open(config, secrets, { log, ...more })
    const office = doors.serve(gateway, workers?.all)
    if (more.worker !== undefined) await doors.listen()
    const publicUrl = workers === undefined ? doors.publicUrl : await workers.begin(gateway)
    gateway.engine.origin = config.publicUrl ?? publicUrl
    const schedule = more.worker === undefined ? scheduleOf(gateway, office) : undefined
    return { gateway, office, publicUrl, adminUrl: doors.adminUrl, close: closing({ gateway, doors, certificates, schedule, workers: workers?.all }) }
  } catch (error) {
    doors.end()
    certificates.close()
    workers?.all.kill()
    await gateway?.close(0)
    throw error
  }
}

interface Open {
  readonly gateway: Gateway
  readonly doors: Doors
  readonly certificates: Certificates
  readonly schedule: PayoutSchedule | undefined
  readonly workers: Workers | undefined
}

/** Consumers first, then the operator. What ended badly is told when everything has ended. */
const closing =
  ({ gateway, doors, certificates, schedule, workers }: Open) =>
  async (graceMs: number): Promise<void> => {
    const unclean = await workers?.stop(graceMs).then(
      () => undefined,
      (error: Error) => error,
    )
    doors.close()
    await schedule?.close()
    await gateway.close(graceMs)
    doors.end()
    certificates.close()
    if (unclean !== undefined) throw unclean
  }

/** The ports of this process: of one that works alone both. */
class Doors {
  readonly #config: GatewayConfig
  readonly #public: PublicDoor | undefined
  readonly #admin: AdminDoor | undefined
  publicUrl = ''
  adminUrl = ''

  constructor(config: GatewayConfig, certificates: Certificates, { serves, isWorker }: { readonly serves: boolean; readonly isWorker: boolean }) {
    this.#config = config
    const limits = isWorker ? partOf(config) : config.limits
    this.#public = serves ? new PublicDoor({ ...config, limits }, systemChance.hex(6), certificates.of(config.tls, 'tls')) : undefined
    if (isWorker && this.#public !== undefined) endBeyond(this.#public.server, limits.connections)
    this.#admin = isWorker ? undefined : new AdminDoor(config, certificates.of(config.admin.tls, 'admin.tls'))
  }

  /** @throws PortError */
  async listen(): Promise<void> {
    const { listen: address, tls, admin } = this.#config
    if (this.#public !== undefined) this.publicUrl = await listen(this.#public.server, { ...address, tls, setting: 'PORT or listen' })
    if (this.#admin !== undefined) this.adminUrl = await listen(this.#admin.server, { ...admin, setting: 'ADMIN_PORT or admin.listen' })
  }

  serve(gateway: Gateway, workers: Workers | undefined): Office {
    this.#admin?.serve(gateway, workers)
    const office = this.#admin?.office ?? new Office(gateway.ground, liveOf(gateway))
    this.#public?.serve(gateway, office)
    return office
  }

  /** Idle connections end at once; busy ones with their answer. */
  close(): void {
    this.#public?.close()
    this.#admin?.close()
  }

  end(): void {
    this.#public?.end()
    this.#admin?.end()
  }
}

/** Connections are handed to the workers in turn, so that each may hold its part of what the gateway may. */
const partOf = ({ limits, workers }: GatewayConfig): Limits => ({
  ...limits,
  connections: Math.ceil(limits.connections / workers),
  connectionsPerAddress: Math.ceil(limits.connectionsPerAddress / workers),
})

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
