/** Outer ends that do what a test says, when it says so: clock, provider and facilitator, in the shapes of the engine's ports. */

import type { Clock, EpochMs, Facilitator, FacilitatorAnswer, FacilitatorRequest, FacilitatorState } from '#contract'
import type { Attempt, AttemptEvents, OutgoingRequest } from '../../gateway/engine/transport.ts'

export { countingChance, type LogLine, memoryLog } from '../../gateway/kit/stage-parts.ts'

/** Something that waits until it is let through. */
export class Gate {
  readonly opened: Promise<void>
  open: () => void = () => undefined
  fail: (error: Error) => void = () => undefined

  constructor() {
    this.opened = new Promise((resolve, reject) => {
      this.open = resolve
      this.fail = reject
    })
  }
}

/** Stands still until it is moved. */
export class ScriptedClock implements Clock {
  #ms: number
  readonly #alarms = new Set<{ readonly atMs: number; readonly ring: () => void }>()

  constructor(startMs = Date.UTC(2026, 10, 23, 12)) {
    this.#ms = startMs
  }

  nowMs(): EpochMs {
    return this.#ms as EpochMs
  }

  monotonicNs(): number {
    return (this.#ms - 1_700_000_000_000) * 1e6
  }

  /** Timers on this clock: they ring while it passes, each at its time. */
  readonly alarm = (afterMs: number, ring: () => void): { cancel(): void } => {
    const one = { atMs: this.#ms + afterMs, ring }
    this.#alarms.add(one)
    return { cancel: () => void this.#alarms.delete(one) }
  }

  pass(ms: number): void {
    const end = this.#ms + ms
    for (;;) {
      const due = [...this.#alarms].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#alarms.delete(due)
      this.#ms = Math.max(this.#ms, due.atMs)
      due.ring()
    }
    this.#ms = end
  }
}

// ------------------------------------------------------------------ the provider

/** One request at the provider. Heeds a pause as undici does: what comes is kept, and handed over inside `resume`. */
export class ScriptedTry implements Attempt {
  readonly request: OutgoingRequest
  /** False: whatever comes is handed over at once, pause or not, also after it was given up. */
  heeds = true
  sent = true
  aborted = false
  /** Chunks that were sent. */
  chunks = 0
  #events: AttemptEvents
  #stage: 'new' | 'headed' | 'over' = 'new'
  #paused = false
  #kept: (() => boolean | undefined)[] = []

  constructor(request: OutgoingRequest, events: AttemptEvents) {
    this.request = request
    this.#events = events
  }

  /** Everything that it has to say is said. */
  get over(): boolean {
    return this.#stage === 'over' && this.#kept.length === 0
  }

  head(status = 200, headers: readonly string[] = ['Content-Type', 'application/json']): void {
    if (this.#stage !== 'new') return
    this.#stage = 'headed'
    this.#hand(() => this.#events.head(status, [...headers], () => this.#resume()))
  }

  data(chunk: string | Buffer): void {
    this.head()
    this.chunks += 1
    if (this.#stage === 'headed') this.#hand(() => this.#events.data(Buffer.from(chunk)))
  }

  end(): void {
    this.head()
    if (this.#stage !== 'headed') return
    this.#stage = 'over'
    this.#hand(() => {
      this.#events.end()
      return true
    })
  }

  /** A whole answer. */
  answer(status: number, body: string | Buffer, headers?: readonly string[]): void {
    this.head(status, headers)
    if (body.length > 0) this.data(body)
    this.end()
  }

  /** The connection breaks: what was kept is gone with it. */
  error(sent = true): void {
    if (this.over) return
    this.#stage = 'over'
    this.#kept = []
    this.sent = sent
    this.#events.error(new Error('the connection broke'), sent)
  }

  abort(): void {
    this.aborted = true
    if (this.heeds) this.error(this.sent)
  }

  #hand(give: () => boolean | undefined): void {
    if (this.#paused && this.heeds) this.#kept.push(give)
    else if (give() === false) this.#paused = true
  }

  #resume(): void {
    this.#paused = false
    while (this.#kept.length > 0 && !this.#paused) if (this.#kept.shift()?.() === false) this.#paused = true
  }
}

export class ScriptedTransport {
  readonly tries: ScriptedTry[] = []
  readonly #through = new Map<string, ScriptedTry[]>()
  /** Called for each request, a turn after it was sent. */
  answers: ((one: ScriptedTry) => void) | undefined

  send(request: OutgoingRequest, events: AttemptEvents): Attempt {
    const one = new ScriptedTry(request, events)
    this.tries.push(one)
    const { name } = request.connection
    this.#through.set(name, [...(this.#through.get(name) ?? []), one])
    const { answers } = this
    if (answers !== undefined) setImmediate(() => answers(one))
    return one
  }

  /** Requests through one connection. */
  through(connection: string): readonly ScriptedTry[] {
    return this.#through.get(connection) ?? []
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

// ------------------------------------------------------------------ the facilitator

const good = (body: Record<string, unknown>): FacilitatorAnswer => ({ kind: 'answer', status: 200, body })
export const VALID = good({ isValid: true })
export const SETTLED = good({ success: true, transaction: `0x${'ab'.repeat(32)}` })
export const REFUSED = good({ success: false, errorReason: 'insufficient_funds' })
export const LOST: FacilitatorAnswer = { kind: 'lost', sent: true, why: 'slow', cause: new Error('no answer came') }

type Answers = (payer: string) => FacilitatorAnswer | Promise<FacilitatorAnswer>

export class ScriptedFacilitator implements Facilitator {
  readonly name = 'scripted'
  verifies: Answers = () => VALID
  settles: Answers = () => SETTLED
  /** Payers, in the order in which they were asked for. */
  readonly asked = { verify: [] as string[], settle: [] as string[] }
  readonly state = NO_STATE

  async verify(request: FacilitatorRequest): Promise<FacilitatorAnswer> {
    const payer = payerOf(request)
    this.asked.verify.push(payer)
    return this.verifies(payer)
  }

  async supported(): Promise<FacilitatorAnswer> {
    return good({ kinds: [] })
  }

  async settle(request: FacilitatorRequest): Promise<FacilitatorAnswer> {
    const payer = payerOf(request)
    this.asked.settle.push(payer)
    return this.settles(payer)
  }
}

const NO_SUMS = { asked: 0, answered: 0, refused: 0, lost: 0 }
export const NO_STATE: FacilitatorState = { name: 'scripted', open: false, verify: NO_SUMS, settle: NO_SUMS, lastFailure: undefined }

const payerOf = ({ paymentPayload }: FacilitatorRequest): string =>
  (paymentPayload as { payload: { authorization: { from: string } } }).payload.authorization.from.toLowerCase()
