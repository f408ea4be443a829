/** The queue of the embedded books: what cannot be written is tried again until it can, on a file that is opened anew. */
import { textOf } from './answering.ts'
import type { Ledger } from './ledger.ts'
import type { FedGroup, Standing } from './thread.ts'

/** More in one transaction gains little and keeps the thread from answering. */
const BATCH_BYTES = 8 * 1024 * 1024
const AGAIN_MS = 100
const AGAIN_AT_MOST_MS = 1000

interface Queued {
  readonly groups: readonly FedGroup[]
  done(): void
}

const bytesOf = (groups: readonly FedGroup[]): number => groups.reduce((sum, group) => sum + group.bytes.length, 0)

export class Writing {
  readonly #open: () => Ledger
  readonly #tell: (failure: string | undefined) => void
  readonly #holdMs: number
  #ledger: Ledger | undefined
  #queue: Queued[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #again = AGAIN_MS
  #failed = false

  /** `holdMs`: how long what is put may wait for more, because a row for each account and batch is what costs. Whoever asks waits for nothing. */
  constructor(open: () => Ledger, tell: (failure: string | undefined) => void, holdMs: number) {
    this.#open = open
    this.#tell = tell
    this.#holdMs = holdMs
  }

  /** Resolves when all of it is written. */
  put(groups: readonly FedGroup[]): Promise<void> {
    return new Promise((done) => {
      this.#queue.push({ groups, done })
      this.#bytes += bytesOf(groups)
      if (this.#timer !== undefined && (this.#failed || this.#bytes < BATCH_BYTES)) return
      clearTimeout(this.#timer)
      if (this.#holdMs === 0 || this.#bytes >= BATCH_BYTES) this.#try()
      else this.#timer = setTimeout(() => this.#try(), this.#holdMs)
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
    this.#timer = undefined
    if (this.#write() === undefined) return
    this.#timer = setTimeout(() => this.#try(), this.#again)
    this.#again = Math.min(this.#again * 2, AGAIN_AT_MOST_MS)
  }

  /** All that is queued; what is wrong, if it is not written. */
  #write(): string | undefined {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#batch()
        this.#opened().write(batch.flatMap(({ groups }) => groups))
        this.#queue = this.#queue.slice(batch.length)
        for (const { groups, done } of batch) {
          this.#bytes -= bytesOf(groups)
          done()
        }
      }
    } catch (error) {
      const failure = `the books cannot be written: ${textOf(error)}`
      this.#shut()
      this.#failed = true
      this.#tell(failure)
      return failure
    }
    if (this.#failed) this.#tell(undefined)
    this.#failed = false
    this.#again = AGAIN_MS
    return undefined
  }

  #batch(): readonly Queued[] {
    let bytes = 0
    let count = 0
    for (const { groups } of this.#queue) {
      bytes += bytesOf(groups)
      if (count > 0 && bytes > BATCH_BYTES) break
      count += 1
    }
    return this.#queue.slice(0, count)
  }

  #opened(): Ledger {
    this.#ledger ??= this.#open()
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
