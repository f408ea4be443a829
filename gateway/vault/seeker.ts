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

const NOWHERE = -1

/** A character of a spelling that may be escaped. */
interface Place {
  readonly spelling: Spelling
  readonly at: number
}

export class Seeker {
  readonly #spellings: readonly Spelling[]
  readonly #escaped: readonly Spelling[]
  readonly #window: number
  readonly #skips = new Uint8Array(HASHES)
  /** Bytes with which a spelling begins. */
  readonly #begins = new Uint8Array(256)
  /** Coarsely folded character -> where it stands in spellings. */
  readonly #places: Place[][] = Array.from({ length: 256 }, () => [])
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
    for (let byte = 0; byte < 256; byte += 1) if (spellings.some(({ bytes, fold }) => bytes[0] === fold[byte])) this.#begins[byte] = 1
    for (const spelling of this.#escaped) {
      for (const [at, byte] of spelling.bytes.entries()) this.#places[COARSE[byte] as number]?.push({ spelling, at })
    }
  }

  finds(bytes: Buffer): boolean {
    return this.#findsPlain(bytes) || (holdsEscapes(bytes) && this.#findEscaped(bytes, 0, 'whole') !== NOWHERE)
  }

  /** Where the last bytes could be the beginning of a spelling; the length where they could not. */
  opening(bytes: Buffer): number {
    const { length } = bytes
    const plain = this.#openingPlain(bytes, Math.max(0, length - this.#longest + 1))
    const tail = length <= this.#longestEscaped ? bytes : bytes.subarray(length - this.#longestEscaped)
    if (!holdsEscapes(tail)) return plain
    const escaped = this.#findEscaped(bytes, length - tail.length, 'begun')
    return escaped === NOWHERE ? plain : Math.min(plain, escaped)
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

  #openingPlain(bytes: Buffer, from: number): number {
    const begins = this.#begins
    for (let at = from; at < bytes.length; at += 1) {
      if (begins[bytes[at] as number] === 0) continue
      const left = bytes.length - at
      for (const spelling of this.#spellings) if (matches(spelling, bytes, at) === left) return at
    }
    return bytes.length
  }

  /**
   * The beginning of a spelling with at least one escape, the first of which is at `from` or after it: of any that is whole,
   * or of the first that is begun.
   */
  #findEscaped(bytes: Buffer, from: number, looking: 'whole' | 'begun'): number {
    let earliest = NOWHERE
    for (let at = from; at < bytes.length; at += 1) {
      if (!isEscape(bytes[at] as number)) continue
      for (const { value } of unitsAt(bytes, at)) {
        const found = value !== CUT ? this.#around(bytes, at, value, looking) : looking === 'begun' ? this.#cutAt(bytes, at) : NOWHERE
        if (found === NOWHERE) continue
        if (looking === 'whole') return found
        if (earliest === NOWHERE || found < earliest) earliest = found
      }
    }
    return earliest
  }

  /** Spellings in which the character stands, with what is before it there plainly. */
  #around(bytes: Buffer, at: number, value: number, looking: Found): number {
    let earliest = NOWHERE
    for (const { spelling, at: before } of this.#places[COARSE[value] as number] as Place[]) {
      if (before > at || spelling.fold[value] !== spelling.bytes[before] || matches(spelling, bytes, at - before, before) !== before) continue
      this.#steps = 0
      if (this.#follow(spelling, before, bytes, at) === looking && (earliest === NOWHERE || at - before < earliest)) earliest = at - before
    }
    return earliest
  }

  /** An escape of which the end has not come may stand for anything. */
  #cutAt(bytes: Buffer, at: number): number {
    for (let before = Math.min(at, this.#longest); before >= 0; before -= 1) {
      for (const spelling of this.#escaped) if (before < spelling.bytes.length && matches(spelling, bytes, at - before, before) === before) return at - before
    }
    return NOWHERE
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
}

/** Native and fast: most answers hold none of the three. */
const holdsEscapes = (bytes: Buffer): boolean => bytes.indexOf(0x25) !== -1 || bytes.indexOf(0x5c) !== -1 || bytes.indexOf(0x26) !== -1

const hashOf = (one: number, two: number): number => (((COARSE[one] as number) << 5) ^ (COARSE[two] as number)) & (HASHES - 1)

/** How many of the first bytes of a spelling stand there, at most `most`. */
function matches({ bytes: wanted, fold }: Spelling, bytes: Buffer, at: number, most = wanted.length): number {
  const end = Math.min(most, bytes.length - at)
  let same = 0
  while (same < end && fold[bytes[at + same] as number] === wanted[same]) same += 1
  return same
}
