/** What a gateway or a store tells of recorded calls: a head with how things stand now, then a line a call, in any order. */
import { type CallLine, readCallLines } from '#contract'
import type { Said } from './said.ts'

/** One connection as it stands. Times in epoch milliseconds, quota in units. */
export interface ConnectionNow {
  readonly name: string
  readonly owner: string
  readonly enabled: boolean
  readonly sold: number
  readonly own: number
  readonly wasted: number
  readonly external: number
  readonly left: number
  readonly resetsAtMs: number | null
}

/** Of a key that is an owner's, or whose spending is capped. Amounts in micro-dollars as text. */
export interface KeyNow {
  readonly id: string
  readonly account: string
  readonly owner?: string
  readonly capPerDay?: string
  readonly capPerMonth?: string
}

/** The first line. */
export interface RecordedHead {
  readonly v: 1
  readonly nowMs: number
  /** SHA-256 (hex) of the configuration's text. */
  readonly config: string
  readonly connections: readonly ConnectionNow[]
  readonly keys: readonly KeyNow[]
}

/** Calls and what else was recorded, in the order in which it was received; what stands at one place of the three lists is one of them. */
export interface Recorded {
  readonly head: RecordedHead
  /** Epoch milliseconds. */
  readonly receivedMs: Float64Array
  /** What it says, by its number in `said`. */
  readonly numbers: Int32Array
  /** 1: a charge that was reversed. */
  readonly refunded: Uint8Array
  readonly said: readonly Said[]
}

const NOTHING: readonly never[] = []

/** Text as it comes, cut anywhere, made into lines. */
export class RecordedText {
  readonly #decoder = new TextDecoder()
  #head: RecordedHead | undefined
  #rest = ''

  /** Undefined until it was there. */
  get head(): RecordedHead | undefined {
    return this.#head
  }

  /** Whole lines. @throws SyntaxError where it is no such text */
  take(piece: string | Uint8Array): readonly CallLine[] {
    const text = typeof piece === 'string' ? piece : this.#decoder.decode(piece, { stream: true })
    const end = text.lastIndexOf('\n')
    if (end === -1) {
      this.#rest += text
      return NOTHING
    }
    let whole = this.#rest + text.slice(0, end + 1)
    this.#rest = text.slice(end + 1)
    if (this.#head === undefined) {
      const first = whole.indexOf('\n')
      this.#head = JSON.parse(whole.slice(0, first)) as RecordedHead
      whole = whole.slice(first + 1)
    }
    return readCallLines(whole)
  }

  /** @throws Error where it was cut off */
  end(): RecordedHead {
    if (this.#head === undefined || this.#rest !== '') throw new Error('the records of calls came to no end')
    return this.#head
  }
}
