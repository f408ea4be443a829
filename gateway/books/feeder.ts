/**
 * From a journal to books that may fall behind: groups are handed on in order and in bundles; what does not fit into memory,
 * or came before the first one fed, is read again from the journal.
 */
import type { CallAsk, CallPage, ChargedCall } from '#contract'
import { BooksError } from './unfit.ts'
import type { FedGroup } from './thread.ts'
import type { JournalTrail } from './trail.ts'

/** What the books ask of the journal. */
export interface JournalSource extends Partial<JournalTrail> {
  /** Resolves when everything that was answered has been fed. */
  flushed(): Promise<void>
  /** Groups again, from this one on to the end, in order; for one that is not there it ends at once. */
  refeed?(fromSequence: number): AsyncIterable<FedGroup>
  charged?(receipt: string): Promise<ChargedCall | undefined>
  calls?(ask: CallAsk): Promise<CallPage>
  /** Recomputes every hash. */
  chain?(): Promise<{ readonly ok: boolean; readonly detail: string }>
}

/** Books run behind by at most this; asking them anything feeds them first. */
const FEED_EVERY_MS = 100
const FEED_BYTES = 1024 * 1024
/** Beyond this much that is not written yet nothing more is kept: it stands in the journal. */
const WAITING_BYTES = 64 * 1024 * 1024
const AGAIN_MS = 200
/** Whoever asks waits no longer than this for what was answered before. */
const SETTLE_MS = 10_000

export interface FeederParts {
  readonly source: JournalSource
  /** Where the books stand. */
  readonly from: { readonly sequence: number; readonly hash: string }
  /** Takes the memory; resolves when all of it is durable. */
  readonly put: (groups: readonly FedGroup[]) => Promise<void>
  readonly whose: string
  readonly remedy: string
}

export class Feeder {
  readonly #parts: FeederParts
  /** The last group handed on, and the last that there is. */
  #posted: number
  #latest: number
  /** The last that is in the books for good. */
  applied: number
  #joined: boolean
  /** The group at which the books stand is there, be it the same or another one. */
  #met = false
  #groups: FedGroup[] = []
  #bytes = 0
  #waiting = 0
  #timer: NodeJS.Timeout | undefined
  #catchingUp: Promise<void> | undefined
  #closed = false
  #room: () => void = () => undefined
  failed: Error | undefined

  constructor(parts: FeederParts) {
    this.#parts = parts
    this.#posted = parts.from.sequence
    this.#latest = 0
    this.applied = parts.from.sequence
    this.#joined = parts.from.sequence === 0
  }

  feed(group: FedGroup): void {
    const { from } = this.#parts
    if (group.sequence === from.sequence) this.#meet(group)
    this.#latest = Math.max(this.#latest, group.sequence)
    const next = (this.#groups.at(-1)?.sequence ?? this.#posted) + 1
    if (group.sequence < next || this.#catchingUp !== undefined || this.failed !== undefined || this.#closed) return
    if (group.sequence !== next || this.#waiting + this.#bytes > WAITING_BYTES) return this.#behind(group.sequence, next)
    this.#groups.push(group)
    this.#bytes += group.bytes.length
    if (this.#bytes >= FEED_BYTES) this.#post()
    else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#post(), FEED_EVERY_MS)
      this.#timer.unref()
    }
  }

  /** Else groups of the one journal would be taken for those of the other, and be left out. @throws BooksError */
  async joined(): Promise<void> {
    const { source, from, whose, remedy } = this.#parts
    if (!this.#joined && source.refeed !== undefined) {
      for await (const group of source.refeed(from.sequence)) {
        if (group.sequence === from.sequence) this.#meet(group)
        break
      }
    }
    if (this.#joined) return
    if (this.#met) throw new BooksError(`${whose} was not made from the journal at store.path; ${remedy}`)
    const what = 'which the journal at store.path does not have: its end was cut off, or it is another journal'
    throw new BooksError(`${whose} has read group ${from.sequence}, ${what}; restore it from a backup, or ${remedy}`)
  }

  #meet({ hash }: Pick<FedGroup, 'hash'>): void {
    this.#met = true
    this.#joined = hash === this.#parts.from.hash
  }

  /** Everything that was answered is handed on. @throws Error where it cannot be */
  async settled(): Promise<void> {
    await this.#parts.source.flushed()
    this.#post()
    if (this.#catchingUp !== undefined) await within(SETTLE_MS, this.#catchingUp)
    this.#post()
    if (this.failed !== undefined) throw this.failed
  }

  close(): void {
    this.#post()
    this.#closed = true
    this.#room()
  }

  #post(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const groups = this.#groups
    if (groups.length === 0 || this.#closed) return
    this.#groups = []
    this.#bytes = 0
    this.#hand(groups)
  }

  #hand(groups: readonly FedGroup[]): void {
    const bytes = groups.reduce((sum, group) => sum + group.bytes.length, 0)
    this.#posted = groups.at(-1)?.sequence ?? this.#posted
    this.#waiting += bytes
    void this.#parts.put(groups).then(
      () => {
        this.#waiting -= bytes
        this.applied = groups.at(-1)?.sequence ?? this.applied
        this.#room()
      },
      (error: Error) => this.#fail(error),
    )
  }

  #fail(error: Error): void {
    if (!this.#closed) this.failed ??= error
    this.#room()
  }

  /** Too far behind, or something is missing before this group. */
  #behind(sequence: number, next: number): void {
    this.#post()
    if (this.#parts.source.refeed === undefined) {
      return this.#fail(new Error(sequence === next ? 'the books are too far behind' : `group ${sequence} does not follow group ${next - 1}`))
    }
    this.#catchingUp = this.#catchUp(this.#parts.source.refeed.bind(this.#parts.source)).finally(() => {
      this.#catchingUp = undefined
    })
  }

  async #catchUp(refeed: (fromSequence: number) => AsyncIterable<FedGroup>): Promise<void> {
    while (this.#posted < this.#latest && !this.#closed && this.failed === undefined) {
      const before = this.#posted
      try {
        for await (const { sequence, hash, bytes } of refeed(this.#posted + 1)) {
          if (sequence !== this.#posted + 1) throw new Error(`group ${sequence} does not follow group ${this.#posted}`)
          // Memory of its own: it goes to another thread.
          this.#hand([{ sequence, hash, bytes: bytes.slice() }])
          while (this.#waiting > WAITING_BYTES / 2 && !this.#closed && this.failed === undefined) await new Promise<void>((room) => (this.#room = room))
          if (this.#closed || this.failed !== undefined) return
        }
      } catch (error) {
        this.failed = error instanceof Error ? error : new Error(String(error))
      }
      if (this.#posted === before) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref())
    }
  }
}

function within(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the books are still reading what was answered')), ms)
    void work.then(resolve, reject).finally(() => clearTimeout(late))
  })
}
