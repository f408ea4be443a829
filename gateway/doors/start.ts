/** Opens both ports, then the gateway behind them: nothing is half started when one of them cannot be had. */
import type { AddressInfo } from 'node:net'
import type http from 'node:http'
import type { Log } from '#contract'
import type { GatewayConfig, Limits, ListenAddress } from '../../config/model.ts'
import type { CertificateFiles } from '../../config/certificates.ts'
import { type Surroundings, systemChance } from '../ground/index.ts'
import type { Prepared, Secrets } from '../generations/index.ts'
import { Gateway } from '../gateway.ts'
import { Office, PayoutSchedule } from '../office/index.ts'
import { AdminDoor } from './admin.ts'
import { liveOf } from './live.ts'
import { PublicDoor } from './public.ts'
import { type Fellows, type Loading, Reloader } from './reload/index.ts'
import { Certificate, CertificateError } from './tls.ts'
import { endBeyond, partOf } from './workers/full.ts'
import type { Workers } from './workers/workers.ts'

class PortError extends Error {
  override name = 'PortError'
}

export interface Running {
  readonly gateway: Gateway
  readonly office: Office
  readonly publicUrl: string
  readonly adminUrl: string
  /** Takes changed configurations; undefined where nobody said how to load one. */
  readonly reloader: Reloader | undefined
  /** Calls under way have `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface Starting extends Omit<Surroundings, 'log'> {
  /** They serve consumers in place of this process. */
  readonly workers?: Crew
  /** How a changed configuration is loaded. */
  readonly load?: Loading
}

/** What is to be known of workers here; `begin` tells them what to do and resolves with their address when all of them serve. */
export interface Crew {
  readonly all: Workers
  readonly fellows: Fellows
  begin(gateway: Gateway): Promise<string>
}

export async function startDoors(config: GatewayConfig, secrets: Secrets, log: Log, { workers, load, ...more }: Starting = {}): Promise<Running> {
  const certificates = new Certificates(log)
  const doors = new Doors(config, certificates, { serves: workers === undefined, isWorker: more.worker !== undefined })
  let gateway: Gateway | undefined
  try {
    // A port that cannot be had is known before anything else is opened; a worker gets connections as soon as it listens.
    if (more.worker === undefined) await doors.listen()
    gateway = await Gateway.open(config, secrets, { log, ...more })
    const open = new Open({ gateway, doors, certificates, workers, load, isWorker: more.worker !== undefined, env: more.env ?? process.env })
    if (more.worker !== undefined) await doors.listen()
    const publicUrl = workers === undefined ? doors.publicUrl : await workers.begin(gateway)
    open.serves(publicUrl)
    return { gateway, office: open.office, publicUrl, adminUrl: doors.adminUrl, reloader: open.reloader, close: (graceMs) => open.close(graceMs) }
  } catch (error) {
    doors.end()
    certificates.close()
    workers?.all.kill()
    await gateway?.close(0)
    throw error
  }
}

interface OpenParts {
  readonly gateway: Gateway
  readonly doors: Doors
  readonly certificates: Certificates
  readonly workers: Crew | undefined
  readonly load: Loading | undefined
  readonly isWorker: boolean
  readonly env: NonNullable<Surroundings['env']>
}

/** A gateway with its doors, from its start over its reloads to its end. */
class Open {
  readonly office: Office
  readonly reloader: Reloader | undefined
  readonly #parts: OpenParts
  #schedule: PayoutSchedule | undefined

  constructor(parts: OpenParts) {
    this.#parts = parts
    const { gateway, doors, load, workers, env } = parts
    const take = (prepared: Prepared): void => this.#take(prepared)
    const reloader = load === undefined ? undefined : new Reloader({ gateway, load, take, fellows: workers?.fellows, env })
    this.reloader = reloader
    const more =
      reloader === undefined ? {} : { reload: () => reloader.reload('the operator'), diff: (text: string, file: string) => reloader.diff(text, file) }
    this.office = doors.serve(gateway, { workers: workers?.all, more })
  }

  serves(publicUrl: string): void {
    const { ground } = this.#parts.gateway
    ground.reachedAt(publicUrl)
    this.#follow(ground.config)
  }

  #take(prepared: Prepared): void {
    const { gateway, doors } = this.#parts
    gateway.take(prepared)
    doors.take(prepared.config)
    this.#follow(prepared.config)
  }

  #follow({ payout }: GatewayConfig): void {
    const { gateway, isWorker } = this.#parts
    if (isWorker || payout?.everyMs === this.#schedule?.everyMs) return
    void this.#schedule?.close()
    this.#schedule = payout?.everyMs === undefined ? undefined : scheduleOf(gateway, this.office, payout.everyMs)
  }

  /** Consumers first, then the operator. What ended badly is told when everything has ended. */
  async close(graceMs: number): Promise<void> {
    const { gateway, doors, certificates, workers } = this.#parts
    const endsMs = performance.now() + graceMs
    const reloaded = this.reloader?.close()
    const unclean = await workers?.all.stop(graceMs).then(
      () => undefined,
      (error: Error) => error,
    )
    doors.close()
    await reloaded
    await this.#schedule?.close()
    await gateway.close(graceMs)
    await doors.taken(endsMs - performance.now())
    doors.end()
    certificates.close()
    if (unclean !== undefined) throw unclean
  }
}

/** The ports of this process: of one that works alone both. */
class Doors {
  readonly #isWorker: boolean
  readonly #public: PublicDoor | undefined
  readonly #admin: AdminDoor | undefined
  #config: GatewayConfig
  publicUrl = ''
  adminUrl = ''

  constructor(config: GatewayConfig, certificates: Certificates, { serves, isWorker }: { readonly serves: boolean; readonly isWorker: boolean }) {
    this.#config = config
    this.#isWorker = isWorker
    this.#public = serves ? new PublicDoor({ ...config, limits: this.#limits }, systemChance.hex(6), certificates.of(config.tls, 'tls')) : undefined
    if (isWorker && this.#public !== undefined) endBeyond(this.#public.server, () => this.#limits.connections)
    this.#admin = isWorker ? undefined : new AdminDoor(config, certificates.of(config.admin.tls, 'admin.tls'))
  }

  get #limits(): Limits {
    return this.#isWorker ? partOf(this.#config) : this.#config.limits
  }

  /** @throws PortError */
  async listen(): Promise<void> {
    const { listen: address, tls, admin } = this.#config
    if (this.#public !== undefined) this.publicUrl = await listen(this.#public.server, { ...address, tls, setting: 'PORT or listen' })
    if (this.#admin !== undefined) this.adminUrl = await listen(this.#admin.server, { ...admin, setting: 'ADMIN_PORT or admin.listen' })
  }

  serve(gateway: Gateway, admin: Parameters<AdminDoor['serve']>[1]): Office {
    this.#admin?.serve(gateway, admin)
    const office = this.#admin?.office ?? new Office(gateway.ground, liveOf(gateway))
    this.#public?.serve(gateway, office)
    return office
  }

  take(config: GatewayConfig): void {
    this.#config = config
    this.#public?.take({ ...config, limits: this.#limits })
    this.#admin?.take(config)
  }

  /** Idle connections end at once; busy ones with their answer. */
  close(): void {
    this.#public?.close()
    this.#admin?.close()
  }

  async taken(withinMs: number): Promise<void> {
    await this.#public?.taken(withinMs)
  }

  end(): void {
    this.#public?.end()
    this.#admin?.end()
  }
}

/** Payouts by themselves, where the configuration says how often. */
const scheduleOf = ({ ground: { clock, log } }: Gateway, office: Office, everyMs: number): PayoutSchedule =>
  new PayoutSchedule({ run: (signal) => office.pay('gateway', signal), everyMs, clock, log })

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
