/** Payouts by themselves: at whole multiples of `every` since 1970 (1d: at midnight UTC), so that a restart postpones nothing. */
import type { Alarm, Clock, Log } from '#contract'
import { systemAlarm } from '../ground/index.ts'
import type { PayoutRun } from './payouts.ts'

/** Clocks are set and machines sleep, and a timer takes no more than 24 days: it is looked at again at least this often. */
const LONGEST_MS = 3_600_000

export interface ScheduleParts {
  readonly run: (signal: AbortSignal) => Promise<PayoutRun>
  readonly everyMs: number
  readonly clock: Clock
  readonly log: Log
  readonly alarm?: Alarm
}

export class PayoutSchedule {
  readonly #parts: ScheduleParts
  readonly #stop = new AbortController()
  #cancel: () => void = () => undefined
  #running: Promise<void> = Promise.resolve()

  /** Starts at once. */
  constructor(parts: ScheduleParts) {
    this.#parts = parts
    this.#wait(this.#nextMs())
  }

  get everyMs(): number {
    return this.#parts.everyMs
  }

  /** Resolves when nothing runs any more; a payout under way stays open for the next run. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#cancel()
    await this.#running
  }

  #nextMs(): number {
    const { everyMs, clock } = this.#parts
    return (Math.floor(clock.nowMs() / everyMs) + 1) * everyMs
  }

  #wait(untilMs: number): void {
    const { clock, alarm = systemAlarm } = this.#parts
    const leftMs = untilMs - clock.nowMs()
    this.#cancel = alarm(Math.max(0, Math.min(leftMs, LONGEST_MS)), () => {
      if (clock.nowMs() < untilMs) return this.#wait(untilMs)
      this.#running = this.#run()
    })
  }

  /** The next one is waited for when this one is over. */
  async #run(): Promise<void> {
    const { run, log } = this.#parts
    try {
      const { payouts, problem } = await run(this.#stop.signal)
      if (problem !== null && !this.#stop.signal.aborted) log.error({ problem, payouts: payouts.length }, 'payouts did not come to their end')
    } catch (error) {
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'payouts failed')
    }
    if (!this.#stop.signal.aborted) this.#wait(this.#nextMs())
  }
}
