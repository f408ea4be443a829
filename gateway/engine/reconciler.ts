/**
 * Ends settlements whose outcome is unknown: asked again within 2 s, then at growing intervals up to 30 s.
 * Each has its own pace, so that one that hangs delays no other.
 */
import type { Clock, Log, Store, UnknownSettlement } from '#contract'
import type { Chain } from './chain.ts'

const FIRST_MS = 1_500
/** Settlements of processes that are gone are taken over without a word. */
const LOOK_EVERY_MS = 2_000
const LAST_MS = 30_000
/** Tries under way at once: after an outage there may be thousands, and paying calls need the facilitator, too. */
const AT_ONCE = 16
/** So long unknown that people are told. */
const LATE_MS = 600_000

export interface ReconcilerPorts {
  readonly store: Store
  readonly log: Log
  readonly clock: Pick<Clock, 'nowMs'>
  readonly settlers: () => readonly Chain[]
  /** It has been unknown for ten minutes; once each. */
  readonly late: (unknown: UnknownSettlement) => void
}

/** As they were last looked at. */
export interface Unsettled {
  readonly count: number
  /** Of the oldest; 0 where there is none. */
  readonly sinceMs: number
}

export class Reconciler {
  readonly #ports: ReconcilerPorts
  /** Hold -> its next try; undefined while it is due or under way. */
  readonly #tries = new Map<string, NodeJS.Timeout | undefined>()
  /** Holds of which people were told. */
  readonly #late = new Set<string>()
  #unsettled: Unsettled = { count: 0, sinceMs: 0 }
  readonly #due: (() => Promise<void>)[] = []
  #running = 0
  #closed = false
  readonly #looking: NodeJS.Timeout

  constructor(ports: ReconcilerPorts) {
    this.#ports = ports
    this.#looking = setInterval(() => this.wake(), LOOK_EVERY_MS)
    this.#looking.unref()
  }

  /** Something has become unknown. */
  wake(): void {
    void this.#look().catch((error) => this.#ports.log.error({ error: String(error) }, 'the settlements that are unknown could not be listed'))
  }

  async #look(): Promise<void> {
    const unknowns = await this.#ports.store.unknowns()
    for (const unknown of unknowns) if (!this.#tries.has(unknown.hold)) this.#later(unknown, FIRST_MS)
    const sinceMs = unknowns.reduce((oldest, one) => Math.min(oldest, one.sinceMs), Number.POSITIVE_INFINITY)
    this.#unsettled = { count: unknowns.length, sinceMs: unknowns.length === 0 ? 0 : sinceMs }
    this.#tell(unknowns)
  }

  #tell(unknowns: readonly UnknownSettlement[]): void {
    const nowMs = this.#ports.clock.nowMs()
    for (const unknown of unknowns) {
      if (nowMs - unknown.sinceMs < LATE_MS || this.#late.has(unknown.hold)) continue
      this.#late.add(unknown.hold)
      this.#ports.late(unknown)
    }
    if (unknowns.length === 0) this.#late.clear()
  }

  get unsettled(): Unsettled {
    return this.#unsettled
  }

  close(): void {
    this.#closed = true
    this.#due.length = 0
    clearInterval(this.#looking)
    for (const timer of this.#tries.values()) clearTimeout(timer)
  }

  #later(unknown: UnknownSettlement, waitMs: number): void {
    if (this.#closed) return
    const timer = setTimeout(() => {
      this.#tries.set(unknown.hold, undefined)
      this.#due.push(() => this.#try(unknown, waitMs))
      this.#next()
    }, waitMs)
    this.#tries.set(unknown.hold, timer.unref())
  }

  #next(): void {
    const work = this.#running < AT_ONCE ? this.#due.shift() : undefined
    if (work === undefined) return
    this.#running += 1
    void work().finally(() => {
      this.#running -= 1
      this.#next()
    })
  }

  async #try(unknown: UnknownSettlement, waitMs: number): Promise<void> {
    try {
      await this.#again(unknown)
    } catch (error) {
      this.#ports.log.error({ hold: unknown.hold, error: String(error) }, 'a settlement could not be reconciled')
    }
    // A store that does not answer has not said that it is known.
    const left = await this.#ports.store.unknowns().catch(() => [unknown])
    if (left.some(({ hold }) => hold === unknown.hold)) this.#later(unknown, Math.min(LAST_MS, waitMs * 2))
    else this.#tries.delete(unknown.hold)
  }

  /** A payment does not say which route it was for: every chain that settles is asked, until one says that it is done. */
  async #again({ hold, payment, sinceMs }: UnknownSettlement): Promise<void> {
    for (const chain of this.#ports.settlers()) {
      if (!chain.settles || this.#closed) continue
      const settlement = await chain.recover(payment, sinceMs)
      if (settlement.state === 'unknown') continue
      await this.#ports.store.resolve(hold, settlement)
      const what = settlement.state === 'settled' ? { transaction: settlement.transaction } : { reason: settlement.reason }
      return this.#ports.log.info({ hold, ...what }, `a settlement that was unknown is ${settlement.state === 'settled' ? 'settled' : 'not settled'}`)
    }
  }
}
