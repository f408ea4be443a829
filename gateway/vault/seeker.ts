/**
 * Finds any of the spellings of a credential in bytes. Plainly: as Wu and Manber do, with one small table that says how far
 * the next place that could matter is, so that most bytes are never looked at. Where the bytes hold escapes: each that
 * stands for a character of a spelling is followed both ways.
 */
import { CUT, isEscape, LONGEST_UNIT, unitsAt } from './escapes.ts'
import { COARSE, type Spelling } from './spellings.ts'

const HASHES = 4096
const WIDEST_WINDOW = 64
/** More ways of reading than a credential can need count as found: nothing is worth looking on for ever. */
const MOST_STEPS = 20_000
const PLUS = 0x2b
const SPACE = 0x20

type Found = 'whole' | 'begun' | 'no'

export class Seeker {
  readonly #spellings: readonly Spelling[]
  readonly #escaped: readonly Spelling[]
  readonly #window: number
  readonly #skips = new Uint8Array(HASHES)
  /** Bytes with which a spelling may begin, escaped or not. */
  readonly #begins = new Uint8Array(256)
  /** Characters that an escape must stand for to matter, folded coarsely. */
  readonly #matters = new Uint8Array(256)
  readonly #longest: number
  readonly #longestEscaped: number
  #steps = 0

  constructor(spellings: readonly Spelling[]) {
    this.#spellings = spellings
    this.#escaped = spellings.filter(({ escaped }) => escaped)
    this.#window = Math.min(WIDEST_WINDOW, ...spellings.map(({ bytes }) => bytes.length))
    this.#longest = Math.max(...spellings.map(({ bytes }) => bytes.length))
    this.#longestEscaped = Math.max(...this.#escaped.map(({ bytes }) => bytes.length)) * LONGEST_UNIT
    this.#skips.fill(this.#window - 1)
    for (const { bytes } of spellings) {
      for (let end = 1; end < this.#window; end += 1) {
        const hash = hashOf(bytes[end - 1] as number, bytes[end] as number)
        this.#skips[hash] = Math.min(this.#skips[hash] as number, this.#window - 1 - end)
      }
    }
    for (let byte = 0; byte < 256; byte += 1) {
      if (isEscape(byte) || spellings.some(({ bytes, fold }) => bytes[0] === fold[byte])) this.#begins[byte] = 1
    }
    for (const { bytes } of this.#escaped) for (const byte of bytes) this.#matters[COARSE[byte] as number] = 1
  }

  finds(bytes: Buffer): boolean {
    if (this.#findsPlain(bytes)) return true
    // Native and fast: most answers hold none of the three.
    return (bytes.indexOf(0x25) !== -1 || bytes.indexOf(0x5c) !== -1 || bytes.indexOf(0x26) !== -1) && this.#findsEscaped(bytes)
  }

  #findsPlain(bytes: Buffer): boolean {
    const skips = this.#skips
    const window = this.#window
    const { length } = bytes
    let at = window - 1
    while (at < length) {
      const skip = skips[hashOf(bytes[at - 1] as number, bytes[at] as number)] as number
      if (skip > 0) at += skip
      else {
        if (this.#standsAt(bytes, at - window + 1)) return true
        at += 1
      }
    }
    return false
  }

  #standsAt(bytes: Buffer, at: number): boolean {
    for (const spelling of this.#spellings) if (matches(spelling, bytes, at) === spelling.bytes.length) return true
    return false
  }

  #findsEscaped(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; at += 1) {
      if (!isEscape(bytes[at] as number)) continue
      for (const { value } of unitsAt(bytes, at)) {
        if (value === CUT || this.#matters[COARSE[value] as number] === 0) continue
        for (const spelling of this.#escaped) if (this.#standsAround(spelling, bytes, at, value)) return true
      }
    }
    return false
  }

  /** The spelling, with its first escape here: what is before it stands there plainly. */
  #standsAround(spelling: Spelling, bytes: Buffer, at: number, value: number): boolean {
    const { bytes: wanted, fold } = spelling
    const folded = fold[value] as number
    for (let before = 0; before < wanted.length && before <= at; before += 1) {
      if (wanted[before] !== folded || matches(spelling, bytes, at - before, before) !== before) continue
      this.#steps = 0
      if (this.#follow(spelling, before, bytes, at) === 'whole') return true
    }
    return false
  }

  #follow(spelling: Spelling, from: number, bytes: Buffer, start: number): Found {
    const { bytes: wanted, fold } = spelling
    let at = start
    for (let next = from; next < wanted.length; next += 1, at += 1) {
      if (at >= bytes.length) return 'begun'
      this.#steps += 1
      if (this.#steps > MOST_STEPS) return 'whole'
      const byte = bytes[at] as number
      const same = fold[byte] === wanted[next] || (byte === PLUS && wanted[next] === SPACE)
      if (isEscape(byte)) return this.#branch(spelling, { next, same }, bytes, at)
      if (!same) return 'no'
    }
    return 'whole'
  }

  /** An escape, or the character with which it begins. */
  #branch(spelling: Spelling, { next, same }: { readonly next: number; readonly same: boolean }, bytes: Buffer, at: number): Found {
    let best: Found = same ? this.#follow(spelling, next + 1, bytes, at + 1) : 'no'
    if (best === 'whole') return best
    for (const { value, length } of unitsAt(bytes, at)) {
      if (value === CUT) best = 'begun'
      else if (spelling.fold[value] === spelling.bytes[next]) {
        const way = this.#follow(spelling, next + 1, bytes, at + length)
        if (way === 'whole') return way
        if (way === 'begun') best = way
      }
    }
    return best
  }

  /** Where the last bytes could be the beginning of a spelling; the length where they could not. */
  opening(bytes: Buffer): number {
    const { length } = bytes
    const begins = this.#begins
    const far = Math.max(0, length - this.#longestEscaped)
    const near = Math.max(0, length - this.#longest + 1)
    let from = near
    for (let at = far; at < length && from === near; at += 1) if (isEscape(bytes[at] as number)) from = Math.min(far, near)
    for (let at = from; at < length; at += 1) {
      if (begins[bytes[at] as number] === 1 && this.#opensAt(bytes, at)) return at
    }
    return length
  }

  #opensAt(bytes: Buffer, at: number): boolean {
    const left = bytes.length - at
    for (const spelling of this.#spellings) {
      if (matches(spelling, bytes, at) === left) return true
      if (!spelling.escaped) continue
      this.#steps = 0
      if (this.#follow(spelling, 0, bytes, at) === 'begun') return true
    }
    return false
  }
}

const hashOf = (one: number, two: number): number => (((COARSE[one] as number) << 5) ^ (COARSE[two] as number)) & (HASHES - 1)

/** How many of the first bytes of a spelling stand there, at most `most`. */
function matches({ bytes: wanted, fold }: Spelling, bytes: Buffer, at: number, most = wanted.length): number {
  const end = Math.min(most, bytes.length - at)
  let same = 0
  while (same < end && fold[bytes[at + same] as number] === wanted[same]) same += 1
  return same
}
