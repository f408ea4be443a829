/** Starts the workers, starts those again that die, stops all of them, and asks them. */
import cluster from 'node:cluster'
import type { Log, Notice } from '#contract'
import type { Answers, Begin, FromWorker } from './messages.ts'
import type { Fellows } from '../reload/index.ts'
import { Repeated } from './repeated.ts'
import { ledgerMessage, type Slot, send, slotOf } from './slot.ts'
import { Together } from './together.ts'

export class WorkerError extends Error {
  override name = 'WorkerError'
}

export interface WorkersParts {
  readonly count: number
  /** What each of them runs, with which arguments. */
  readonly program: string
  readonly args: readonly string[]
  readonly log: Log
}

/** What is known only when the one that starts them stands. */
export interface Common extends Pick<Begin, 'text' | 'port'> {
  readonly ledgerId: string | undefined
  /** Why the ledger that is fed here cannot be fed now. */
  ledgerFailed(): string | undefined
  tell(notice: Notice): void
}

const PAUSE_MS = 100
const LONGEST_PAUSE_MS = 30_000
/** Who served for so long has not died of its start. */
const WELL_AFTER_MS = 60_000
const LEDGER_EVERY_MS = 100
const ANSWER_WITHIN_MS = 1_000
/** Loading runs programs and reads the vault. */
const PREPARED_WITHIN_MS = 30_000
/** Beyond the time for calls under way: what closing takes. */
const CLOSE_WITHIN_MS = 5_000

export class Workers {
  readonly #parts: WorkersParts
  readonly #slots: readonly Slot[]
  readonly #asked = new Map<number, { readonly slot: Slot; done(answer: unknown): void }>()
  readonly #repeated = new Repeated()
  #together: Together<Slot> | undefined
  #asks = 0
  #common: Common | undefined
  #ledger: { timer: NodeJS.Timeout; failed: string | undefined } | undefined
  #phase: 'starting' | 'serving' | 'stopping' = 'starting'
  /** What ended badly while stopping. */
  readonly #unclean: string[] = []
  #change: () => void = () => undefined

  /** They load what they run while the one that starts them opens what it needs. */
  constructor(parts: WorkersParts) {
    this.#parts = parts
    cluster.schedulingPolicy = cluster.SCHED_RR
    cluster.setupPrimary({ exec: parts.program, args: [...parts.args] })
    this.#slots = Array.from({ length: parts.count }, (_, index) => slotOf(index + 1))
    for (const slot of this.#slots) this.#fork(slot)
  }

  get serving(): number {
    return this.#slots.filter(({ serves }) => serves).length
  }

  get count(): number {
    return this.#slots.length
  }

  shown(): readonly { readonly number: number; readonly pid: number | null; readonly serves: boolean }[] {
    return this.#slots.map(({ number, worker, serves }) => ({ number, pid: worker?.process.pid ?? null, serves }))
  }

  /** Resolves with the address of consumers when all of them serve. @throws WorkerError with the sentence of one that cannot */
  start(common: Common): Promise<string> {
    this.#common = common
    this.#together = this.#togetherFrom(common.text)
    this.#ledger = { failed: common.ledgerFailed(), timer: setInterval(() => this.#lookAtLedger(), LEDGER_EVERY_MS).unref() }
    for (const slot of this.#slots) if (slot.said) this.#begin(slot)
    return new Promise((resolve, reject) => {
      let url = ''
      this.#served = (where) => {
        url = where
      }
      this.#change = () => {
        const dead = this.#slots.find(({ worker }) => worker === undefined)
        if (dead !== undefined) reject(new WorkerError(dead.why ?? `worker ${dead.number} ended before it served`))
        if (this.serving < this.count) return
        this.#phase = 'serving'
        this.#change = () => undefined
        resolve(url)
      }
      this.#change()
    })
  }

  #served: (url: string) => void = () => undefined

  /** How all of them take another configuration. */
  get fellows(): Fellows {
    const together = (): Together<Slot> => this.#together as Together<Slot>
    return { prepare: (text) => together().prepare(text), take: () => together().take(), drop: () => together().drop() }
  }

  #togetherFrom(text: string): Together<Slot> {
    return new Together(text, {
      workers: () => this.#slots,
      send,
      prepare: (slot, wanted) => this.#ask(slot, 'prepare', wanted, PREPARED_WITHIN_MS) as Promise<readonly string[] | undefined>,
      began: (wanted) => {
        if (this.#common !== undefined) this.#common = { ...this.#common, text: wanted }
      },
      refused: ({ number }, problems) => this.#parts.log.error({ worker: number, problems }, 'a worker cannot take the configuration that the others have'),
    })
  }

  /** Every one that serves. */
  async ask<K extends keyof Answers>(what: K, of = ''): Promise<readonly Answers[K][]> {
    const answers = await Promise.all(this.#slots.filter(({ serves }) => serves).map((slot) => this.#ask(slot, what, of)))
    return answers.filter((answer) => answer !== undefined) as Answers[K][]
  }

  /** Calls under way have `graceMs`. @throws WorkerError where one of them did not end well */
  async stop(graceMs: number): Promise<void> {
    this.#phase = 'stopping'
    clearInterval(this.#ledger?.timer)
    for (const { timer } of this.#slots) clearTimeout(timer)
    for (const slot of this.#slots) send(slot, { kind: 'stop', graceMs })
    const late = setTimeout(() => this.kill(), graceMs + CLOSE_WITHIN_MS)
    await new Promise<void>((resolve) => {
      this.#change = () => {
        if (this.#slots.every(({ worker }) => worker === undefined)) resolve()
      }
      this.#change()
    })
    clearTimeout(late)
    if (this.#unclean.length > 0) throw new WorkerError(this.#unclean.join('; '))
  }

  /** At once, whatever they do. */
  kill(): void {
    this.#phase = 'stopping'
    clearInterval(this.#ledger?.timer)
    for (const { worker } of this.#slots) worker?.process.kill('SIGKILL')
  }

  #fork(slot: Slot): void {
    const worker = cluster.fork()
    Object.assign(slot, { worker, said: false, serves: false, why: undefined })
    worker.on('message', (message: FromWorker) => this.#hear(slot, message))
    worker.on('error', (error) => this.#parts.log.error({ worker: slot.number, error: error.message }, 'the way to a worker is broken'))
    worker.once('exit', (code, signal) => this.#gone(slot, code, signal))
  }

  #begin(slot: Slot): void {
    const common = this.#common
    if (common === undefined) return
    const { text, port, ledgerId } = common
    slot.text = text
    const failed = common.ledgerFailed()
    send(slot, {
      kind: 'begin',
      text,
      port,
      number: slot.number,
      ...(ledgerId === undefined ? {} : { ledgerId }),
      ...(failed === undefined ? {} : { ledgerFailed: failed }),
    })
  }

  #hear(slot: Slot, message: FromWorker): void {
    switch (message.kind) {
      case 'hello':
        slot.said = true
        return this.#begin(slot)
      case 'serves':
        Object.assign(slot, { serves: true, servedSinceMs: performance.now() })
        // What changed while it opened.
        send(slot, ledgerMessage(this.#ledger?.failed))
        if (this.#phase === 'serving') this.#parts.log.info({ worker: slot.number, process: slot.worker?.process.pid }, 'a worker serves again')
        this.#served(message.url)
        void this.#together?.follow(slot)
        return this.#change()
      case 'failed':
        slot.why = message.why
        return
      case 'notice':
        if (this.#repeated.isNew(slot.number, message.notice)) this.#common?.tell(message.notice)
        return
      case 'answer':
        return this.#asked.get(message.id)?.done(message.answer)
    }
  }

  #ask(slot: Slot, what: keyof Answers, of: string, withinMs = ANSWER_WITHIN_MS): Promise<unknown> {
    this.#asks += 1
    const id = this.#asks
    return new Promise((resolve) => {
      const done = (answer: unknown): void => {
        clearTimeout(late)
        this.#asked.delete(id)
        resolve(answer)
      }
      const late = setTimeout(() => done(undefined), withinMs)
      this.#asked.set(id, { slot, done })
      send(slot, { kind: 'ask', id, what, of })
    })
  }

  #gone(slot: Slot, code: number | null, signal: string | null): void {
    const { number, why, serves, servedSinceMs } = slot
    const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`
    Object.assign(slot, { worker: undefined, said: false, serves: false })
    this.#repeated.forget(number)
    for (const asked of [...this.#asked.values()]) if (asked.slot === slot) asked.done(undefined)
    if (this.#phase === 'stopping' && code !== 0) this.#unclean.push(`worker ${number} ${how}`)
    if (this.#phase === 'serving') this.#again(slot, { how, why, isWell: serves && performance.now() - servedSinceMs >= WELL_AFTER_MS })
    this.#change()
  }

  /** What it held is given up by the others, as that of any process that is gone. */
  #again(slot: Slot, { how, why, isWell }: { readonly how: string; readonly why: string | undefined; readonly isWell: boolean }): void {
    if (isWell) slot.deaths = 0
    const pauseMs = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** Math.min(slot.deaths, 20))
    slot.deaths += 1
    const said = { worker: slot.number, ...(why === undefined ? {} : { why }), again_in_ms: pauseMs }
    this.#parts.log.error(said, `a worker ${how}; it is started again`)
    slot.timer = setTimeout(() => this.#fork(slot), pauseMs)
  }

  #lookAtLedger(): void {
    const failed = this.#common?.ledgerFailed()
    if (this.#ledger === undefined || failed === this.#ledger.failed) return
    this.#ledger.failed = failed
    for (const slot of this.#slots) send(slot, ledgerMessage(failed))
  }
}
