/**
 * What providers count of each connection beyond ours, and how near its quota is to its end. A call costs one look-up here: of all its
 * answers a second one is read. The store's bounds (`externalOf`) keep calls under way from looking like somebody else's.
 */
import type { Adapter, Clock, Connection, EpochMs, Log, NoticeKind, Notices, StockMirror, StoreAdmin, Units } from '#contract'
import { remainingHeader, remainingIn } from './counter.ts'

export interface QuotaPorts {
  readonly admin: Pick<StoreAdmin, 'external' | 'first' | 'counters'>
  readonly stock: StockMirror
  readonly clock: Clock
  readonly log: Log
  readonly notices: Notices
}

interface Seen {
  readonly rawHeaders: readonly string[]
  readonly tookMs: number
  readonly atMs: EpochMs
}

/** How much of ours had been used up at a time. */
interface Sample {
  readonly atMs: EpochMs
  readonly ended: Units
  readonly periodEndMs: EpochMs | undefined
}

interface Slot {
  connection: Connection
  header: string | undefined
  /** An answer was read less than a second ago. */
  resting: boolean
  /** The last answer since. */
  latest: Seen | undefined
  /** Oldest first. */
  readonly samples: Sample[]
  readAtMs: number
  /** What was told in which period: those of this process; the store knows those of all. */
  readonly told: Set<string>
}

const REST_MS = 1_000
/** Longer than a call may take. */
const SAMPLES = 64
const DAY_MS = 86_400_000
/** For grants that never renew. */
const LONG_MS = 400 * DAY_MS
const ALL = 100
/** Of the quota: what owners are told of when it is used. */
const LEVELS = [ALL, 95, 80, 50]
const DRIFT_PERCENT = 2

export class QuotaWatch {
  readonly #ports: QuotaPorts
  readonly #slots = new Map<string, Slot>()
  #closed = false

  constructor(ports: QuotaPorts, connections: readonly Connection[], adapters: ReadonlyMap<string, Adapter>) {
    this.#ports = ports
    this.configure(connections, adapters)
  }

  /** At start and at each reload: what is known of a connection stays where it is the same owner's at the same provider. */
  configure(connections: readonly Connection[], adapters: ReadonlyMap<string, Adapter>): void {
    const before = new Map(this.#slots)
    this.#slots.clear()
    for (const connection of connections) {
      const adapter = adapters.get(connection.adapter)
      const header = adapter === undefined ? undefined : remainingHeader(adapter)
      const known = before.get(connection.name)
      if (known?.connection.owner === connection.owner && known.connection.adapter === connection.adapter)
        this.#slots.set(connection.name, Object.assign(known, { connection, header }))
      else this.#slots.set(connection.name, { connection, header, resting: false, latest: undefined, samples: [], readAtMs: 0, told: new Set() })
    }
  }

  /** An attempt has ended, with the provider's fields where it answered. */
  seen(name: string, tookMs: number, rawHeaders: readonly string[]): void {
    const slot = this.#slots.get(name)
    if (slot === undefined || this.#closed) return
    const seen = { rawHeaders, tookMs, atMs: this.#ports.clock.nowMs() }
    if (slot.resting) slot.latest = seen
    else this.#read(slot, seen)
  }

  /** When the provider last told what is left of it. */
  readAtMs(name: string): number {
    return this.#slots.get(name)?.readAtMs ?? 0
  }

  /** The provider says, in one way or another, what is left. Undefined where that cannot be: more than the quota, or of an ended period. */
  async told(name: string, remaining: number, askedAtMs: EpochMs): Promise<{ readonly external: Units } | undefined> {
    const slot = this.#slots.get(name)
    if (slot === undefined || remaining > slot.connection.quota) return undefined
    const { admin, clock } = this.#ports
    const used = (slot.connection.quota - remaining) as Units
    const state = await admin.external({ connection: name, used, askedAtMs, endedBefore: endedBefore(slot.samples, askedAtMs, clock.nowMs()) })
    if (state === undefined) return undefined
    slot.readAtMs = clock.nowMs()
    slot.samples.push({ atMs: clock.nowMs(), ended: state.ended, periodEndMs: state.periodEndMs })
    if (slot.samples.length > SAMPLES) slot.samples.shift()
    this.#drifted(slot, state.external, state.periodEndMs)
    return state
  }

  close(): void {
    this.#closed = true
  }

  #read(slot: Slot, { rawHeaders, tookMs, atMs }: Seen): void {
    slot.resting = true
    slot.latest = undefined
    // A millisecond for what was rounded.
    const askedAtMs = (atMs - Math.max(0, tookMs) - 1) as EpochMs
    const remaining = slot.header === undefined ? undefined : remainingIn(rawHeaders, slot.header)
    if (remaining !== undefined) this.#quietly(this.told(slot.connection.name, remaining, askedAtMs))
    setTimeout(() => this.#again(slot), REST_MS).unref()
  }

  #again(slot: Slot): void {
    slot.resting = false
    if (this.#closed) return
    if (slot.latest !== undefined) this.#read(slot, slot.latest)
    this.#quietly(this.#running(slot))
  }

  // ---------------------------------------------------------------- what owners are told

  #drifted({ connection, told }: Slot, external: number, periodEndMs: EpochMs | undefined): void {
    const { name, owner, quota } = connection
    if (external * 100 <= quota * DRIFT_PERCENT) return
    const percent = Math.floor((external * 1000) / quota) / 10
    this.#once(told, { kind: 'quota-drift', name, owner }, periodEndMs, () => driftSentence(name, external, percent))
  }

  /** Calls under way do not count: they may come to nothing. Of several levels that were passed at once the last is told. */
  async #running({ connection, told }: Slot): Promise<void> {
    const { name, owner, quota } = connection
    const { stock, admin } = this.#ports
    const seen = levelOf(quota - stock.leftForOwner(name), quota)
    if (seen === undefined || told.has(keyOf(aboutOf(seen, name), stock.resetsAtMs(name)))) return
    const { sold, own, wasted, external, resetsAtMs } = await admin.counters(name)
    const used = sold + own + wasted + external
    const level = levelOf(used, quota)
    if (level === undefined) return
    const until = resetsAtMs === undefined ? 'this grant does not renew' : `it renews on ${new Date(resetsAtMs).toISOString().slice(0, 10)}`
    const sentence =
      level === ALL
        ? `${name} has used all ${quota} units of its quota; ${until}`
        : `${name} has used ${used} of ${quota} units, over ${level} % of its quota; ${until}`
    this.#once(told, { ...aboutOf(level, name), owner }, resetsAtMs, () => sentence)
  }

  /** Once a period, whichever process is first. */
  #once(told: Set<string>, about: About & { readonly owner: string }, periodEndMs: EpochMs | undefined, sentence: () => string): void {
    const key = keyOf(about, periodEndMs)
    if (told.has(key)) return
    told.add(key)
    const { admin, clock, notices } = this.#ports
    const first = admin.first(key, periodEndMs ?? ((clock.nowMs() + LONG_MS) as EpochMs))
    const { kind, owner, name: connection, percent } = about
    const tell = (): void => notices.tell({ kind, owner, connection, detail: sentence(), ...(percent === undefined ? {} : { percent }) })
    this.#quietly(first.then((yes) => (yes ? tell() : undefined)))
  }

  #quietly(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.#closed) this.#ports.log.warn({ cause: String(error) }, "a provider's own counter could not be compared; it is again at its next answer")
    })
  }
}

/** What is told, apart from the words. */
interface About {
  readonly kind: NoticeKind
  readonly name: string
  readonly percent?: number
}

const keyOf = ({ kind, name, percent }: About, periodEndMs: EpochMs | undefined): string =>
  `${kind}${percent === undefined ? '' : `-${percent}`}:${name}:${periodEndMs ?? 'grant'}`

const aboutOf = (level: number, name: string): About => (level === ALL ? { kind: 'quota-exhausted', name } : { kind: 'quota-low', name, percent: level })

/** The highest level that is reached. */
const levelOf = (used: number, quota: number): number | undefined => (quota === 0 ? undefined : LEVELS.find((percent) => used * 100 >= quota * percent))

/** The newest sample that is older than the question; undefined where there is none of this period. */
function endedBefore(samples: readonly Sample[], askedAtMs: number, nowMs: number): Units | undefined {
  for (let at = samples.length - 1; at >= 0; at -= 1) {
    const { atMs, ended, periodEndMs } = samples[at] as Sample
    if (periodEndMs !== undefined && periodEndMs <= nowMs) return undefined
    if (atMs < askedAtMs) return ended
  }
  return undefined
}

const driftSentence = (name: string, external: number, percent: number): string =>
  `the provider counts ${external} units of ${name} (${percent} % of its quota) that were not used through this gateway; they come out of the reserve first, then out of what is for sale. ` +
  `Usually its owner uses the key elsewhere, too; else monthly_quota or billing_day are not those of the provider`
