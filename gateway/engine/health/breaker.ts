/**
 * A circuit breaker of one connection: open after five failures in a row; then one real call at a time is the probe, first
 * after a second, later at growing intervals. No timer: the times are compared when a call comes.
 */
import { Culprits } from './culprits.ts'

const FAILURES = 5
const FIRST_PROBE_MS = 1_000
const LAST_PROBE_MS = 30_000

export class Breaker {
  readonly #run = new Culprits()
  #open = false
  /** Never 0: that is no probe. */
  #ticket = 1
  /** Ticket of the call that is the probe; 0: none is under way. */
  #probe = 0
  #probeAtMs = 0
  #intervalMs = FIRST_PROBE_MS

  get isOpen(): boolean {
    return this.#open
  }

  /** When the next call may try. */
  get probeAtMs(): number {
    return this.#probeAtMs
  }

  /** Whether a call may go now. A caller or an operation that had no part in the failures need not wait for the interval. */
  lets(nowMs: number, consumer: string, operation: string): boolean {
    return !this.#open || (this.#probe === 0 && (nowMs >= this.#probeAtMs || this.#run.spare(consumer, operation)))
  }

  /** A call goes. What it tells later counts only with its ticket: answers to what was asked before a change say nothing. */
  enter(): number {
    if (!this.#open) return this.#ticket
    this.#ticket += 1
    this.#probe = this.#ticket
    return this.#ticket
  }

  isCurrent(ticket: number): boolean {
    return ticket === (this.#open ? this.#probe : this.#ticket)
  }

  good(ticket: number): void {
    if (!this.isCurrent(ticket)) return
    this.#run.clear()
    if (this.#open) this.reset()
  }

  /** True where this failure opens it. */
  bad(ticket: number, nowMs: number, consumer: string, operation: string): boolean {
    if (!this.isCurrent(ticket)) return false
    this.#run.note(consumer, operation)
    if (this.#open) {
      this.#intervalMs = Math.min(LAST_PROBE_MS, this.#intervalMs * 2)
      this.#waitFrom(nowMs)
      return false
    }
    if (this.#run.count < FAILURES) return false
    this.#open = true
    this.#intervalMs = FIRST_PROBE_MS
    this.#waitFrom(nowMs)
    return true
  }

  /** The call ended without a word about the provider: another may be the probe. */
  nothing(ticket: number): void {
    if (this.#open && ticket === this.#probe) this.#probe = 0
  }

  reset(): void {
    this.#open = false
    this.#ticket += 1
    this.#probe = 0
    this.#run.clear()
  }

  #waitFrom(nowMs: number): void {
    this.#ticket += 1
    this.#probe = 0
    this.#probeAtMs = nowMs + this.#intervalMs
  }
}
