/**
 * Joins the rooms: from a loaded configuration to a gateway that can take calls. The doors (HTTP, CLI) stand in front of it;
 * everything that differs between sandbox and live is in `outerEnds`.
 */
import { randomFillSync } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Adapter, Books, Chance, Clock, Connection, EpochMs, Facilitator, Log, Meters, PluginPorts, Store, StoreAdmin } from '#contract'
import type { GatewayConfig, Route } from '../config/model.ts'
import { CallLog } from './books/calls.ts'
import { type OpenBooks, openBooks } from './books/index.ts'
import { Engine, Generation, HttpFacilitator, Transport } from './engine/index.ts'
import { QualityBook } from './engine/quality.ts'
import { openEmbedded } from './stores/index.ts'
import { Credentials } from './vault/index.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now() as EpochMs,
  monotonicNs: () => Math.round(performance.now() * 1e6),
}

const POOL_BYTES = 4096
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Strong random bytes from a pool: one system call for many ids. */
export const systemChance: Chance = {
  hex(bytes) {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    used += bytes
    return pool.toString('hex', used - bytes, used)
  },
}

/** Hot state and books of one configuration, with or without a gateway in front. */
export interface Ground {
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  readonly books: Books
  /** What is lost, in a word each; empty when all is well. */
  lost(): readonly string[]
  close(): Promise<void>
}

export interface Surroundings {
  readonly log: Log
  readonly clock?: Clock
  readonly chance?: Chance
}

/** @throws FolderError, JournalError, BooksError with one sentence for the operator */
export function openGround(config: GatewayConfig, { log, clock = systemClock, chance = systemChance }: Surroundings): Ground {
  const { mode } = config
  const { path: folder, name, replayBytes } = config.store
  const before = existsSync(folder) ? readdirSync(folder) : undefined
  let flushed = (): Promise<void> => Promise.resolve()
  let ledger: OpenBooks | undefined
  let refused = false
  // Only behind the store's lock, and not for a store that is refused: such a start leaves no ledger behind.
  const books = (): OpenBooks => {
    ledger ??= openBooks({ folder: config.ledger.path, mode, flushed: () => flushed() })
    return ledger
  }
  const onGroup: Parameters<typeof openEmbedded>[0]['onGroup'] = (group) => {
    if (!refused) books().feed(group)
  }
  const opened = openEmbedded({ folder, mode, name, replayBytes, clock, onGroup })
  flushed = opened.flushed
  try {
    books().joined()
  } catch (error) {
    refused = true
    unmake(folder, before)
    void opened.store.close()
    throw error
  }
  if (opened.cutBytes > 0) log.warn({ bytes: opened.cutBytes }, 'an unfinished group at the end of the journal was cut off; nothing in it had been answered')
  opened.admin.configure(config.connections)
  const { store, admin, meters } = opened
  return {
    ...{ config, clock, chance, log, store, admin, meters, books: books().books },
    lost: () => [...(opened.failed() === undefined ? [] : ['store']), ...(books().failed() === undefined ? [] : ['ledger'])],
    async close() {
      await store.close()
      await books().books.close()
    },
  }
}

/** The store that a refused start has made goes with it; whatever was there before stays. */
function unmake(folder: string, before: readonly string[] | undefined): void {
  if (before === undefined) return rmSync(folder, { recursive: true, force: true })
  for (const file of readdirSync(folder)) if (!before.includes(file) && /^(journal\.log|lock\.db)/.test(file)) rmSync(join(folder, file), { force: true })
}

export class Gateway {
  readonly ground: Ground
  readonly engine: Engine
  readonly quality: QualityBook
  readonly routes: readonly Route[]
  readonly #ends: OuterEnds
  readonly #calls: CallLog

  private constructor(parts: { ground: Ground; engine: Engine; quality: QualityBook; routes: readonly Route[]; ends: OuterEnds; calls: CallLog }) {
    this.ground = parts.ground
    this.engine = parts.engine
    this.quality = parts.quality
    this.routes = parts.routes
    this.#ends = parts.ends
    this.#calls = parts.calls
  }

  static async open(config: GatewayConfig, secrets: ReadonlyMap<string, string>, surroundings: Surroundings): Promise<Gateway> {
    const ground = openGround(config, surroundings)
    const ends = await outerEnds(ground, secrets)
    try {
      const quality = new QualityBook()
      const calls = new CallLog(join(config.store.path, 'calls.jsonl'), ground.log)
      const routes = ends.routes
      const generation = await Generation.create(1, routes, pluginPorts(ground, ends))
      const transport = new Transport({
        place: (connection, request, base) => ends.credentials.place(connection.name, connection.credential, request, base),
        allowPrivate: config.upstream.allowPrivate,
      })
      const { store, clock, chance, log } = ground
      const limits = {
        upstreamTimeoutMs: config.upstream.timeoutMs,
        bufferBytes: config.upstream.bufferBytes,
        concurrentPerConsumer: config.limits.concurrentPerConsumer,
      }
      const record = calls.write.bind(calls)
      const engine = new Engine({ store, transport, clock, chance, log, quality, record, ...limits }, generation, originOf(config))
      return new Gateway({ ground, engine, quality, routes, ends, calls })
    } catch (error) {
      await ends.close()
      await ground.close()
      throw error
    }
  }

  /** No new calls; those under way have `graceMs`; then everything that is owed to the disk is written. */
  async close(graceMs: number): Promise<void> {
    await this.engine.stop(graceMs)
    await this.#ends.close()
    await this.#calls.close()
    await this.ground.close()
  }
}

const originOf = ({ listen }: GatewayConfig): string => `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`

function pluginPorts(ground: Ground, ends: OuterEnds): PluginPorts {
  const { config, clock, chance, log, store, meters } = ground
  return {
    ...{ mode: config.mode, clock, chance, log, meters, keys: store.keys, stock: store.stock },
    upstreamTimeoutMs: config.upstream.timeoutMs,
    concurrentPerConsumer: config.limits.concurrentPerConsumer,
    facilitator: ends.facilitator,
  }
}

/** Providers and facilitators: the real ones, or the sandbox's play parts. */
interface OuterEnds {
  readonly routes: readonly Route[]
  readonly credentials: Credentials
  readonly facilitator: (urlOrSandbox: string) => Facilitator
  close(): Promise<void>
}

async function outerEnds(ground: Ground, secrets: ReadonlyMap<string, string>): Promise<OuterEnds> {
  const { config } = ground
  const credentials = new Credentials()
  credentials.set(secrets)
  const closers: (() => Promise<void>)[] = []
  const http = new Map<string, HttpFacilitator>()
  const play = config.mode === 'sandbox' ? await playFacilitator(ground) : undefined
  const facilitator = (urlOrSandbox: string): Facilitator => {
    if (urlOrSandbox === 'sandbox') {
      if (play === undefined) throw new Error('the sandbox facilitator exists in sandbox mode only')
      return play
    }
    const found = http.get(urlOrSandbox) ?? new HttpFacilitator(urlOrSandbox)
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
