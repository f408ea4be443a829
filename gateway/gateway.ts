/**
 * Joins the rooms: from a loaded configuration to a gateway that can take calls, on the ground of ground/ The doors (HTTP, CLI) stand in front of it;
 * everything that differs between sandbox and live is in `outerEnds`.
 */
import { join } from 'node:path'
import type { Adapter, Connection, Facilitator, Log, PluginPorts } from '#contract'
import type { GatewayConfig, Route } from '../config/model.ts'
import { CallLog, callsFile } from './books/calls.ts'
import { Engine, type EnginePorts, Generation, Health, LeakBook, lateSettlements, outboundTo, Transport, type Vetting, Watching } from './engine/index.ts'
import { HttpFacilitator, Outlook, Tills } from './payments/index.ts'
import { QualityBook } from './engine/quality.ts'
import { begun, ended, type Ground, openGround, type Surroundings } from './ground/index.ts'
import { memoryOf } from './stores/index.ts'
import { Credentials, VaultFollower } from './vault/index.ts'

export class Gateway {
  readonly ground: Ground
  readonly engine: Engine
  /** Where x402 payments are taken. */
  readonly tills: Tills
  /** How it stands with those who settle them. */
  readonly payments: Outlook
  readonly quality: QualityBook
  /** How each connection stands with its provider. */
  readonly health: Health
  /** Asks a provider before its connection goes on sale. */
  readonly vetting: Vetting
  readonly routes: readonly Route[]
  readonly #ends: OuterEnds
  readonly #calls: CallLog
  /** The audit log has the configuration; undefined where it is told nothing of this gateway. */
  readonly #loaded: Promise<void> | undefined
  readonly #follower: VaultFollower
  readonly #watching: Watching

  private constructor(parts: {
    ground: Ground
    engine: Engine
    tills: Tills
    quality: QualityBook
    health: Health
    routes: readonly Route[]
    ends: OuterEnds
    calls: CallLog
    loaded: Promise<void> | undefined
    watching: Watching
  }) {
    this.ground = parts.ground
    this.engine = parts.engine
    this.tills = parts.tills
    this.payments = new Outlook(parts.tills, parts.ground.clock)
    this.quality = parts.quality
    this.health = parts.health
    this.routes = parts.routes
    this.#ends = parts.ends
    this.#calls = parts.calls
    this.#loaded = parts.loaded
    this.#follower = this.#follow()
    this.#watching = parts.watching
    this.vetting = parts.watching.vetting
  }

  static async open(config: GatewayConfig, secrets: ReadonlyMap<string, string | Buffer>, surroundings: Surroundings): Promise<Gateway> {
    const ground = await openGround(config, surroundings)
    const ends = await outerEnds(ground, secrets)
    try {
      const quality = new QualityBook()
      const calls = new CallLog(join(config.store.path, callsFile(surroundings.worker?.number)), ground.log)
      const routes = ends.routes
      let origin = (): string => originOf(config)
      const tills = tillsOf(ground, ends, () => origin())
      const generation = await Generation.create({ number: 1, config: config.digest }, routes, pluginPorts(ground, tills))
      const transport = transportOf(ground, ends.credentials)
      const { store, clock, chance, log, audit, notices } = ground
      const health = new Health({ clock, stock: store.stock, audit, notices, floor: config.upstream.floor, upstreamTimeoutMs: config.upstream.timeoutMs })
      health.configure(config.connections)
      const limits = {
        upstreamTimeoutMs: config.upstream.timeoutMs,
        bufferBytes: config.upstream.bufferBytes,
        concurrentPerConsumer: config.limits.concurrentPerConsumer,
      }
      const record = calls.write.bind(calls)
      const connections = routes.flatMap((route) => route.connections)
      const { adapters } = config
      const watching = new Watching({
        ...ground,
        ...limits,
        transport,
        generation: () => engine.generation,
        ...{ connections, adapters, alarm: surroundings.alarm, unitsSeen: health.unitsSeen.bind(health) },
      })
      const attempted: EnginePorts['attempted'] = (call, attempt, rawHeaders) => {
        quality.note(call.operation, attempt)
        engine.tallies.attempted(attempt)
        watching.attempted(attempt, rawHeaders)
      }
      const late = lateSettlements(ground, connections)
      const engine = new Engine({ store, transport, clock, chance, log, record, attempted, health, late, ...limits }, generation, originOf(config))
      origin = () => engine.origin
      const loaded = surroundings.briefly === true || surroundings.worker !== undefined ? undefined : (await begun(ground)).loaded
      return new Gateway({ ground, engine, tills, quality, health, routes, ends, calls, loaded, watching })
    } catch (error) {
      await ends.close()
      await ground.close()
      throw error
    }
  }

  /**
   * A new credential in the vault under this name: the connections that use it from their next call on. The simulator's never get a real one.
   * The bytes stay the caller's.
   */
  credential(entry: string, secret: Buffer): readonly string[] {
    const users = this.ground.config.connections.filter(({ vaultEntry, simulated }) => vaultEntry === entry && !simulated)
    keep(this.#ends.credentials, new Map(users.map(({ name }) => [name, secret])), this.ground.log)
    // Whatever the one before was refused for is over.
    for (const { name } of users) this.health.resume(name)
    return users.map(({ name }) => name)
  }

  /** Another process has put something into the vault. */
  lookAtVault(): void {
    this.#follower.look()
  }

  #follow(): VaultFollower {
    const { vault, log, config } = this.ground
    const used = config.connections.filter(({ simulated }) => !simulated)
    const known = used.flatMap(({ vaultEntry, credentialAddedAtMs: addedAtMs }) =>
      vaultEntry === undefined || addedAtMs === undefined ? [] : [[vaultEntry, addedAtMs] as const],
    )
    const changed = (name: string, secret: Buffer): void => {
      const users = this.credential(name, secret)
      secret.fill(0)
      log.info({ credential: name, connections: users }, 'a new credential of the vault is in use')
    }
    return new VaultFollower({ vault, file: config.vault.file, known: new Map(known), changed, log })
  }

  /** No new calls; those under way have `graceMs`; then everything that is owed to the disk is written. */
  async close(graceMs: number): Promise<void> {
    await this.#follower.close()
    this.#watching.close()
    await this.engine.stop(graceMs)
    await this.#ends.close()
    await this.#calls.close()
    if (this.#loaded !== undefined) {
      await this.#loaded
      await ended(this.ground)
    }
    await this.ground.close()
  }
}

/** The one place where credentials leave the vault: each use is counted, each answer is looked through. */
function transportOf({ config: { upstream }, clock, log, audit, notices }: Ground, credentials: Credentials): Transport {
  return new Transport({
    place(connection, request, base) {
      const scan = credentials.place(connection.name, connection.credential, request, base)
      if (connection.credential.in !== 'none') audit.used(connection.name, connection.owner)
      return scan
    },
    leaks: new LeakBook({ clock, log, audit, notices }),
    allowPrivate: upstream.allowPrivate,
    bufferBytes: upstream.bufferBytes,
  })
}

const originOf = ({ listen, tls }: GatewayConfig): string =>
  `${tls === undefined ? 'http' : 'https'}://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`

const tillsOf = ({ clock, chance, config }: Ground, { facilitator }: OuterEnds, origin: () => string): Tills =>
  new Tills({ clock, chance, origin, upstreamTimeoutMs: config.upstream.timeoutMs, facilitator })

function pluginPorts(ground: Ground, tills: Tills): PluginPorts {
  const { config, clock, chance, log, store, meters, paces } = ground
  return {
    ...{ mode: config.mode, clock, chance, log, meters, paces, keys: store.keys, stock: store.stock },
    upstreamTimeoutMs: config.upstream.timeoutMs,
    concurrentPerConsumer: config.limits.concurrentPerConsumer,
    till: (settings) => tills.till(settings),
    memory: (bytes) => memoryOf(bytes, clock),
  }
}

/** Providers and facilitators: the real ones, or the sandbox's play parts. */
interface OuterEnds {
  readonly routes: readonly Route[]
  readonly credentials: Credentials
  readonly facilitator: (urlOrSandbox: string) => Facilitator
  close(): Promise<void>
}

function keep(credentials: Credentials, secrets: ReadonlyMap<string, string | Buffer>, log: Log): void {
  for (const connection of credentials.set(secrets))
    log.warn({ connection }, 'the credential is too short to be told from chance, so that answers are not searched for it; expected at least 6 characters')
}

async function outerEnds(ground: Ground, secrets: ReadonlyMap<string, string | Buffer>): Promise<OuterEnds> {
  const { config } = ground
  const credentials = new Credentials({ previousForMs: config.upstream.timeoutMs })
  keep(credentials, secrets, ground.log)
  // They keep a copy of their own.
  for (const secret of secrets.values()) if (typeof secret === 'object') secret.fill(0)
  const closers: (() => Promise<void>)[] = []
  const http = new Map<string, HttpFacilitator>()
  const play = config.mode === 'sandbox' ? await playFacilitator(ground) : undefined
  const facilitator = (urlOrSandbox: string): Facilitator => {
    if (urlOrSandbox === 'sandbox') {
      if (play === undefined) throw new Error('the sandbox facilitator exists in sandbox mode only')
      return play
    }
    const found = http.get(urlOrSandbox) ?? new HttpFacilitator(urlOrSandbox, { outboundTo, clock: ground.clock })
    http.set(urlOrSandbox, found)
    return found
  }
  closers.push(async () => void (await Promise.all([...http.values()].map((one) => one.close()))))
  const simulated = config.connections.some((connection) => connection.simulated)
  const routes = simulated ? await simulate(ground, credentials, closers) : config.routes
  return { routes, credentials, facilitator, close: async () => void (await Promise.all(closers.map((close) => close()))) }
}

const PLAY_BALANCE = 100_000_000n

async function playFacilitator({ clock }: Ground): Promise<Facilitator> {
  const sandbox = await import('./sandbox/facilitator.ts')
  return sandbox.playFacilitator({ clock, startingBalance: PLAY_BALANCE })
}

/** Simulated connections get a base URL and a credential of the simulator: a real credential never reaches it. */
async function simulate({ config, clock, chance }: Ground, credentials: Credentials, closers: (() => Promise<void>)[]): Promise<readonly Route[]> {
  const { startSimulator } = await import('./sandbox/simulator.ts')
  const simulator = await startSimulator({ adapters: config.adapters.values(), clock, paced: false })
  closers.push(() => simulator.close())
  const live = new Map<string, Connection>()
  const play = new Map<string, string>()
  for (const connection of config.connections) {
    if (!connection.simulated) continue
    const credential = `play-${chance.hex(16)}`
    const adapter = config.adapters.get(connection.adapter) as Adapter
    const quota = connection.period.every === 'day' ? Number.POSITIVE_INFINITY : connection.quota
    simulator.register({ name: connection.name, adapter, credential, quota, operations: connection.operations })
    play.set(connection.name, credential)
    live.set(connection.name, { ...connection, baseUrl: simulator.baseUrl(connection.name) })
  }
  credentials.set(play)
  return config.routes.map((route) => ({ ...route, connections: route.connections.map((connection) => live.get(connection.name) ?? connection) }))
}
