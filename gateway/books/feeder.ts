/**
 * From a journal to books that may fall behind: groups are handed on in order and in bundles; what does not fit into memory,
 * or came before the first one fed, is read again from the journal.
 */
import type { CallAsk, CallPage, ChargedCall } from '#contract'
import { BooksError } from './unfit.ts'
import { Blocks } from './blocks.ts'
import type { Block, FedGroup } from './thread.ts'
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
/** Beyond this much that is not written yet nothing more is kept: it stands in the journal. */
const WAITING_BYTES = 64 * 1024 * 1024
const AGAIN_MS = 200
/** Whoever asks waits no longer than this for what was answered before. */
const SETTLE_MS = 10_000

export interface FeederParts {
  readonly source: JournalSource
  /** Where the books stand. */
  readonly from: { readonly sequence: number; readonly hash: string }
  /** Takes the memory, and gives it back when it has been read; what is durable is told by `durable`. */
  readonly take: (block: Block) => Promise<ArrayBuffer>
  readonly whose: string
  readonly remedy: string
}

/** Handed on, and not in the books yet. */
interface Handed {
  readonly last: number
  readonly bytes: number
}

export class Feeder {
  readonly #parts: FeederParts
  /** The last group that stands in a block, and the last that there is. */
  #last: number
  #latest: number
  /** The last that is in the books for good. */
  applied: number
  #joined: boolean
  /** The group at which the books stand is there, be it the same or another one. */
  #met = false
  readonly #blocks = new Blocks()
  #handed: Handed[] = []
  #waiting = 0
  #timer: NodeJS.Timeout | undefined
  #catchingUp: Promise<void> | undefined
  #closed = false
  #room: () => void = () => undefined
  failed: Error | undefined

  constructor(parts: FeederParts) {
    this.#parts = parts
    this.#last = parts.from.sequence
    this.#latest = 0
    this.applied = parts.from.sequence
    this.#joined = parts.from.sequence === 0
  }

  /** Its bytes are copied. */
  feed(group: FedGroup): void {
    const { from } = this.#parts
    if (group.sequence === from.sequence) this.#meet(group)
    this.#latest = Math.max(this.#latest, group.sequence)
    const next = this.#last + 1
    if (group.sequence < next || this.#catchingUp !== undefined || this.failed !== undefined || this.#closed) return
    if (group.sequence !== next || this.#waiting + this.#blocks.bytes > WAITING_BYTES) return this.#behind(group.sequence, next)
    this.#add(group)
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#post(), FEED_EVERY_MS)
      this.#timer.unref()
    }
  }

  /** Everything up to this group is in the books for good. */
  durable(upTo: number): void {
    for (let first = this.#handed[0]; first !== undefined && first.last <= upTo; first = this.#handed[0]) {
      this.#waiting -= first.bytes
      this.applied = first.last
      this.#handed.shift()
    }
    this.#room()
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

  #add(group: FedGroup): void {
    if (!this.#blocks.add(group)) {
      this.#post()
      this.#blocks.add(group)
    }
    this.#last = group.sequence
  }

  #post(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const block = this.#closed ? undefined : this.#blocks.end()
    if (block === undefined) return
    const bytes = block.ends.at(-1) ?? 0
    this.#handed.push({ last: block.first + block.ends.length - 1, bytes })
    this.#waiting += bytes
    this.#parts.take(block).then(
      (memory) => this.#blocks.back(memory),
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
    while (this.#last < this.#latest && !this.#closed && this.failed === undefined) {
      const before = this.#last
      try {
        for await (const group of refeed(this.#last + 1)) {
          if (group.sequence !== this.#last + 1) throw new Error(`group ${group.sequence} does not follow group ${this.#last}`)
          this.#add(group)
          while (this.#waiting > WAITING_BYTES / 2 && !this.#closed && this.failed === undefined) await new Promise<void>((room) => (this.#room = room))
          if (this.#closed || this.failed !== undefined) return
        }
      } catch (error) {
        this.failed = error instanceof Error ? error : new Error(String(error))
      }
      this.#post()
      if (this.#last === before) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref())
    }
  }
}

function within(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the books are still reading what was answered')), ms)
    void work.then(resolve, reject).finally(() => clearTimeout(late))
  })
}
