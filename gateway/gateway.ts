/**
 * Joins the rooms: from a loaded configuration to a gateway that can take calls, on the ground of ground/, with one generation of the configuration at a time
 * (generations/). The doors (HTTP, CLI) stand in front of it.
 */
import { join } from 'node:path'
import type { Connection } from '#contract'
import type { GatewayConfig } from '../config/model.ts'
import { CallLog, callsFile } from './books/calls.ts'
import { Engine, type EnginePorts, type Generation, Health, LeakBook, lateSettlements, Transport, type Vetting, Watching } from './engine/index.ts'
import { QualityBook } from './engine/quality.ts'
import { Generations, type Good, OuterEnds, type Place, type Prepared, type Secrets } from './generations/index.ts'
import { begun, ended, type Ground, loaded, openGround, type Surroundings } from './ground/index.ts'
import { Outlook, type X402Till } from './payments/index.ts'
import { VaultFollower } from './vault/index.ts'

interface Parts {
  readonly ground: Ground
  readonly generations: Generations
  readonly transport: Transport
  readonly engine: Engine
  readonly quality: QualityBook
  readonly health: Health
  readonly calls: CallLog
  readonly watching: Watching
  /** The audit log has the configuration; undefined where it is told nothing of this gateway. */
  readonly loaded: Promise<void> | undefined
}

export class Gateway {
  readonly ground: Ground
  readonly engine: Engine
  /** How it stands with those who settle payments. */
  readonly payments: Outlook
  readonly quality: QualityBook
  /** How each connection stands with its provider. */
  readonly health: Health
  /** Asks a provider before its connection goes on sale. */
  readonly vetting: Vetting
  readonly #parts: Parts
  readonly #follower: VaultFollower
  #loaded: Promise<void> | undefined

  private constructor(parts: Parts) {
    this.#parts = parts
    this.ground = parts.ground
    this.engine = parts.engine
    this.payments = new Outlook(() => this.tills, parts.ground.clock)
    this.quality = parts.quality
    this.health = parts.health
    this.#loaded = parts.loaded
    this.#follower = this.#follow()
    this.vetting = parts.watching.vetting
  }

  static async open(config: GatewayConfig, secrets: Secrets, surroundings: Surroundings): Promise<Gateway> {
    const ground = await openGround(config, surroundings)
    const ends = await OuterEnds.open(ground)
    try {
      const generations = new Generations(ground, ends)
      const first = await generations.prepare({ config, secrets })
      generations.take(first)
      const parts = partsOf(ground, generations, first, surroundings)
      const isTold = surroundings.briefly !== true && surroundings.worker === undefined
      return new Gateway({ ...parts, loaded: isTold ? (await begun(ground)).loaded : undefined })
    } catch (error) {
      await ends.close()
      await ground.close()
      throw error
    }
  }

  /** Where the generation that serves takes x402 payments. */
  get tills(): readonly X402Till[] {
    return this.tillsOf(this.engine.generation)
  }

  tillsOf(generation: Generation): readonly X402Till[] {
    return this.#parts.generations.tillsOf(generation)
  }

  /** Builds another generation beside the one that serves. Whoever prepares takes or drops it. @throws Error with one sentence for the operator */
  prepare(good: Good): Promise<Prepared> {
    return this.#parts.generations.prepare(good)
  }

  drop(prepared: Prepared): Promise<void> {
    return this.#parts.generations.drop(prepared)
  }

  /** In one move, between two events: whatever asks afterwards gets the new one, in everything. */
  take(prepared: Prepared): void {
    const { generations, transport, watching } = this.#parts
    const { config, generation, limits, place, paying } = prepared
    this.ground.take(config, paying)
    generations.take(prepared)
    transport.configure({ allowPrivate: config.upstream.allowPrivate, bufferBytes: config.upstream.bufferBytes })
    this.health.configure(place.connections, { floor: config.upstream.floor, upstreamTimeoutMs: config.upstream.timeoutMs })
    watching.configure({ ...limits, connections: routedOf(place), adapters: config.adapters })
    this.engine.take(generation, limits)
    this.#follower.follow(knownIn(config))
    if (this.#loaded !== undefined) this.#loaded = this.#loaded.then(() => loaded(this.ground))
  }

  /**
   * A new credential in the vault under this name: the connections that use it from their next call on. The simulator's never get a real one.
   * The bytes stay the caller's.
   */
  credential(entry: string, secret: Buffer): readonly string[] {
    const users = this.ground.config.connections.filter(({ vaultEntry, simulated }) => vaultEntry === entry && !simulated)
    this.#parts.generations.ends.renew(entry, secret)
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
    const changed = (name: string, secret: Buffer): void => {
      const users = this.credential(name, secret)
      secret.fill(0)
      log.info({ credential: name, connections: users }, 'a new credential of the vault is in use')
    }
    return new VaultFollower({ vault, file: config.vault.file, known: knownIn(config), changed, log })
  }

  /** No new calls; those under way have `graceMs`; then everything that is owed to the disk is written. */
  async close(graceMs: number): Promise<void> {
    const { watching, generations, calls } = this.#parts
    await this.#follower.close()
    watching.close()
    await this.engine.stop(graceMs)
    await generations.ends.close()
    await calls.close()
    if (this.#loaded !== undefined) {
      await this.#loaded
      await ended(this.ground)
    }
    await this.ground.close()
  }
}

/** What serves calls, with this generation as its first. */
function partsOf(ground: Ground, generations: Generations, first: Prepared, { alarm, worker }: Surroundings): Omit<Parts, 'loaded'> {
  const { store, clock, chance, log, audit, notices } = ground
  const { config, place, limits } = first
  const connections = routedOf(place)
  const { upstream, adapters } = config
  const quality = new QualityBook()
  const calls = new CallLog(join(config.store.path, callsFile(worker?.number)), log)
  const transport = transportOf(ground, generations.ends)
  const health = new Health({ clock, stock: store.stock, audit, notices, floor: upstream.floor, upstreamTimeoutMs: upstream.timeoutMs })
  health.configure(place.connections)
  const watching = new Watching({
    ...ground,
    ...limits,
    transport,
    generation: () => engine.generation,
    ...{ connections, adapters, alarm, unitsSeen: health.unitsSeen.bind(health) },
  })
  const attempted: EnginePorts['attempted'] = (call, attempt, rawHeaders) => {
    quality.note(call.operation, attempt)
    engine.tallies.attempted(attempt)
    watching.attempted(attempt, rawHeaders)
  }
  const late = lateSettlements(ground, () => ground.config.connections)
  const closed: EnginePorts['closed'] = (generation) => generations.closed(generation)
  const record = calls.write.bind(calls)
  const origin = (): string => ground.origin
  const engine = new Engine({ ...{ store, transport, clock, chance, log, origin, record, attempted, health, late, closed }, ...limits }, first.generation)
  return { ground, generations, transport, engine, quality, health, calls, watching }
}

/** The one place where credentials leave the vault: each use is counted, each answer is looked through. */
function transportOf({ config: { upstream }, clock, log, audit, notices }: Ground, ends: OuterEnds): Transport {
  const { credentials } = ends
  return new Transport({
    place(connection, request, base) {
      const scan = credentials.place(ends.identity(connection), connection.credential, request, base)
      if (connection.credential.in !== 'none') audit.used(connection.name, connection.owner)
      return scan
    },
    leaks: new LeakBook({ clock, log, audit, notices }),
    allowPrivate: upstream.allowPrivate,
    bufferBytes: upstream.bufferBytes,
  })
}

/** Connections that some route has. */
const routedOf = ({ routes }: Place): readonly Connection[] => [...new Set(routes.flatMap(({ connections }) => connections))]

/** Credentials of the vault that are in use, and when they were added. */
const knownIn = ({ connections }: GatewayConfig): ReadonlyMap<string, number> =>
  new Map(
    connections.flatMap(({ vaultEntry, credentialAddedAtMs: addedAtMs, simulated }) =>
      vaultEntry === undefined || addedAtMs === undefined || simulated ? [] : [[vaultEntry, addedAtMs] as const],
    ),
  )
