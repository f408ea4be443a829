/** The way to one webhook: one request at a time, in order. What does not get through in time is dropped, and the log says so. */
import { type Alarm, type Clock, type Log, messageOf, type Webhook } from '#contract'

/** The status that answered; `signed` are the fields of the signature. Rejects where nothing did. */
export type Post = (url: string, text: string, signed: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<number>

export interface Told {
  readonly id: string
  readonly owner: string | undefined
  readonly text: string
  readonly toldAtMs: number
}

export interface LanePorts {
  readonly clock: Clock
  readonly log: Log
  readonly alarm: Alarm
  readonly post: Post
  readonly signal: AbortSignal
}

/** What became of what was put in. */
export interface LaneCounts {
  delivered: number
  dropped: number
}

/** After each failed try. The last one is some eight minutes after the first. */
const PAUSES_MS = [5_000, 30_000, 120_000, 300_000]
const TOO_OLD_MS = 900_000
/** Waiting for one webhook. */
const MOST = 100
const HOUR_MS = 3_600_000
const MOST_AN_HOUR = 120

export class Lane {
  readonly counts: LaneCounts = { delivered: 0, dropped: 0 }
  readonly #webhook: Webhook
  readonly #ports: LanePorts
  readonly #waiting: Told[] = []
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #closing = false
  #hour = 0
  #inHour = 0

  constructor(webhook: Webhook, ports: LanePorts) {
    this.#webhook = webhook
    this.#ports = ports
  }

  get waiting(): number {
    return this.#waiting.length
  }

  put(told: Told): void {
    const { clock } = this.#ports
    const hour = Math.floor(clock.nowMs() / HOUR_MS)
    if (hour !== this.#hour) this.#inHour = 0
    this.#hour = hour
    this.#inHour += 1
    if (this.#waiting.length >= MOST || this.#inHour > MOST_AN_HOUR) return this.#dropped(told, 'too many at once')
    this.#waiting.push(told)
    this.#running ??= this.#run()
  }

  /** Resolves when nothing waits any more. */
  async close(): Promise<void> {
    this.#closing = true
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    // The teller goes on first.
    await Promise.resolve()
    for (let told = this.#waiting[0]; told !== undefined; told = this.#waiting[0]) {
      await this.#deliver(told)
      this.#waiting.shift()
    }
    this.#running = undefined
  }

  async #deliver(told: Told): Promise<void> {
    const { clock, signal } = this.#ports
    for (let tries = 0; ; tries += 1) {
      if (clock.nowMs() - told.toldAtMs > TOO_OLD_MS) return this.#dropped(told, 'it got too old')
      const wrong = await this.#try(told)
      if (wrong === undefined) {
        this.counts.delivered += 1
        return
      }
      const pause = PAUSES_MS[tries]
      if (!wrong.again || pause === undefined || this.#closing || signal.aborted) return this.#dropped(told, wrong.why)
      await this.#pause(pause)
    }
  }

  /** Undefined: it was taken. */
  async #try({ id, text }: Told): Promise<{ again: boolean; why: string } | undefined> {
    const { post, clock, signal } = this.#ports
    const { url, key } = this.#webhook
    try {
      const status = await post(url, text, key?.fields(id, clock.nowMs(), text) ?? { 'webhook-id': id }, signal)
      if (status >= 200 && status < 300) return undefined
      // Redirects are not followed: where they lead nobody has looked at.
      return { again: status >= 500 || status === 408 || status === 425 || status === 429, why: `it answered ${status}` }
    } catch (error) {
      return { again: true, why: messageOf(error) }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ports.alarm(ms, () => this.#wake?.())
      this.#wake = () => {
        this.#wake = undefined
        cancel()
        resolve()
      }
    })
  }

  /** A webhook's address may hold a token: only its host is named. */
  #dropped({ id, owner }: Told, why: string): void {
    this.counts.dropped += 1
    this.#ports.log.error({ notice: id, owner, webhook: new URL(this.#webhook.url).host, why }, 'a notice did not reach its owner')
  }
}
