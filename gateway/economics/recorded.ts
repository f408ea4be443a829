/** What a gateway or a store tells of recorded calls: a head with how things stand now, then a line a call, in any order. */
import { type CallLine, readCallLines, type SoldLine, type UnchargedLine } from '#contract'

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

export type CallEvent = SoldLine | UnchargedLine

export interface Recorded {
  readonly head: RecordedHead
  /** By when they were received. */
  readonly events: readonly CallLine[]
  /** Receipts of charges that were reversed. */
  readonly refunded: ReadonlySet<string>
}

const RECEIPT = 3
const NOTHING: readonly never[] = []

/** Text as it comes, cut anywhere, made into lines. */
export class RecordedText {
  #head: RecordedHead | undefined
  #rest = ''

  /** Undefined until it was there. */
  get head(): RecordedHead | undefined {
    return this.#head
  }

  /** Whole lines. @throws SyntaxError where it is no such text */
  take(text: string): readonly CallLine[] {
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

export class RecordedReader {
  readonly #text = new RecordedText()
  readonly #events: CallLine[] = []
  readonly #refunded = new Set<string>()
  readonly #texts = new Map<string, string>()

  /** Lines so far. */
  get count(): number {
    return this.#events.length
  }

  /** Text as it comes, cut anywhere. @throws SyntaxError where it is no such text */
  take(text: string): void {
    for (const line of this.#text.take(text)) {
      if (line[0] === 'r') this.#refunded.add(line[2])
      else this.#events.push(this.#shared(line))
    }
  }

  /** Names and prices come again in every call: one of each is kept, and memory is a third of what it was. */
  #shared(line: CallLine): CallLine {
    if (line[0] !== 'c' && line[0] !== 'u') return line
    const shared = line as unknown as unknown[]
    for (let index = 0; index < shared.length; index += 1) {
      const value = shared[index]
      // Receipts are all different.
      if (typeof value === 'string' && (line[0] !== 'c' || index !== RECEIPT)) shared[index] = this.#one(value)
    }
    const wasted = shared.at(-1)
    if (Array.isArray(wasted) && wasted.length === 0) shared[shared.length - 1] = NOTHING
    return line
  }

  #one(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    this.#texts.set(text, text)
    return text
  }

  /** @throws Error where it was cut off */
  end(): Recorded {
    const head = this.#text.end()
    this.#events.sort((a, b) => a[1] - b[1])
    return { head, events: this.#events, refunded: this.#refunded }
  }
}
