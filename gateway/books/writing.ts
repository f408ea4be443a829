/** From what is put to the embedded books' file: groups are read at once and written together; what cannot be written is tried again until it can, on a file that is opened anew. */
import { textOf } from './answering.ts'
import type { Booking } from './booking.ts'
import type { Ledger } from './ledger.ts'
import type { FedGroup, Standing } from './thread.ts'

/** Of the journal; more in one transaction gains little and keeps the thread from answering. */
const BOOKING_BYTES = 16 * 1024 * 1024
const AGAIN_MS = 100
const AGAIN_AT_MOST_MS = 1000

interface Put {
  readonly groups: readonly FedGroup[]
  taken(): void
  done(): void
}

/** What is booked together, and who waits for it. */
interface Coming {
  readonly booking: Booking
  readonly puts: Put[]
}

export interface WritingParts {
  readonly open: () => Ledger
  readonly booking: () => Booking
  readonly tell: (failure: string | undefined) => void
  /** How long what is put may wait for more, because a row for each account and booking is what costs. Whoever asks waits for nothing. */
  readonly holdMs: number
}

export class Writing {
  readonly #parts: WritingParts
  #ledger: Ledger | undefined
  /** Put, and not read before it is known where the file stands. */
  #queue: Put[] = []
  /** In order; the last one takes what comes, unless it is being written. */
  #coming: Coming[] = []
  /** The last group that was read. */
  #read: number | undefined
  #spare: Booking | undefined
  #timer: NodeJS.Timeout | undefined
  #again = AGAIN_MS
  #failed = false
  /** What nobody can read: nothing is written any more. */
  #broken: unknown

  constructor(parts: WritingParts) {
    this.#parts = parts
  }

  /** Resolves when all of it is written. `taken`: their memory is not needed any more. */
  put(groups: readonly FedGroup[], taken: () => void = () => undefined): Promise<void> {
    return new Promise((done) => {
      this.#queue.push({ groups, taken, done })
      if (this.#failed && this.#timer !== undefined) return this.#takeWhatFits()
      const { holdMs } = this.#parts
      if (holdMs === 0) return this.#try()
      this.#takeWhatFits()
      if ((this.#coming.at(-1)?.booking.bytes ?? 0) >= BOOKING_BYTES) this.#try()
      else this.#timer ??= setTimeout(() => this.#try(), holdMs)
    })
  }

  /** The ledger with everything that was put: no answer is better than an old one. @throws Error where it cannot be written */
  current(): Ledger {
    const failure = this.#write()
    if (failure !== undefined) throw new Error(failure)
    return this.#opened()
  }

  get standing(): Standing {
    return this.#opened().standing
  }

  close(): void {
    this.#write()
    clearTimeout(this.#timer)
    this.#ledger?.close()
    this.#ledger = undefined
  }

  #try(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#write() === undefined) return
    this.#timer = setTimeout(() => this.#try(), this.#again)
    this.#again = Math.min(this.#again * 2, AGAIN_AT_MOST_MS)
  }

  /** All that was put; what is wrong, if it is not written. */
  #write(): string | undefined {
    try {
      this.#take()
      for (let first = this.#coming[0]; first !== undefined; first = this.#coming[0]) {
        this.#opened().write(first.booking)
        this.#coming.shift()
        first.booking.begin(0)
        this.#spare = first.booking
        for (const { done } of first.puts) done()
      }
    } catch (error) {
      const failure = `the books cannot be written: ${textOf(error)}`
      this.#shut()
      this.#failed = true
      this.#parts.tell(failure)
      return failure
    }
    if (this.#failed) this.#parts.tell(undefined)
    this.#failed = false
    this.#again = AGAIN_MS
    return undefined
  }

  /** What is wrong is told when it is to be written. */
  #takeWhatFits(): void {
    try {
      this.#take()
    } catch {
      this.#timer ??= setTimeout(() => this.#try(), 0)
    }
  }

  /** Reads what is queued. @throws Error */
  #take(): void {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#queue.length === 0) return
    this.#read ??= this.#opened().standing.sequence
    const queue = this.#queue
    this.#queue = []
    try {
      for (const put of queue) this.#takeOne(put)
    } catch (error) {
      this.#broken = error
      throw error
    }
  }

  /** Those of a number that was read already are left out. */
  #takeOne(put: Put): void {
    const coming = this.#open()
    for (const group of put.groups) {
      if (group.sequence <= (this.#read as number)) continue
      coming.booking.take(group)
      this.#read = group.sequence
    }
    coming.puts.push(put)
    put.taken()
  }

  #open(): Coming {
    const last = this.#coming.at(-1)
    if (last !== undefined && !last.booking.isWhole) return last
    const booking = this.#spare ?? this.#parts.booking()
    this.#spare = undefined
    booking.begin(this.#read as number)
    const coming = { booking, puts: [] }
    this.#coming.push(coming)
    return coming
  }

  #opened(): Ledger {
    this.#ledger ??= this.#parts.open()
    return this.#ledger
  }

  #shut(): void {
    try {
      this.#ledger?.close()
    } catch {
      // It is opened anew in any case.
    }
    this.#ledger = undefined
  }
}
