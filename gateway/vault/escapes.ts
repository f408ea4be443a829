/**
 * Characters that are written as escapes: of URLs (%41, also twice), of JSON and JavaScript (\u0041, \x41, \/), of HTML
 * (&#65; &#x41; &amp;). Read where they stand, without regard to what stands before: whoever hides something obeys no grammar.
 */

export interface Unit {
  /** A byte; CUT where the escape may go on beyond the end of what is there. */
  readonly value: number
  readonly length: number
}

export const CUT = -1
/** No escape is longer. */
export const LONGEST_UNIT = 28

const PERCENT = 0x25
const BACKSLASH = 0x5c
const AMPERSAND = 0x26
const SEMICOLON = 0x3b
const HASH = 0x23
const BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const NESTING = 3
const MOST_BACKSLASHES = 8
const MOST_DIGITS = 8

/** Whether an escape may begin with this byte. */
export const isEscape = (byte: number): boolean => byte === PERCENT || byte === BACKSLASH || byte === AMPERSAND

const NOTHING: readonly Unit[] = []
const CUT_OFF: readonly Unit[] = [{ value: CUT, length: 0 }]

/** What the escape at a place may mean: usually one thing, none where it is no escape. */
export function unitsAt(bytes: Buffer, at: number): readonly Unit[] {
  switch (bytes[at]) {
    case PERCENT:
      return percent(bytes, at)
    case BACKSLASH:
      return backslash(bytes, at)
    case AMPERSAND:
      return ampersand(bytes, at)
    default:
      return NOTHING
  }
}

function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

const digit = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** As many hexadecimal digits as are asked for: their value; CUT where the end comes first, undefined where something else does. */
function hex(bytes: Buffer, at: number, count: number): number | undefined {
  let value = 0
  for (let next = at; next < at + count; next += 1) {
    if (next >= bytes.length) return CUT
    const one = digit(bytes[next])
    if (one === -1) return undefined
    value = value * 16 + one
  }
  return value
}

const unit = (value: number | undefined, length: number): readonly Unit[] => {
  if (value === CUT) return CUT_OFF
  return value === undefined || value > 255 ? NOTHING : [{ value, length }]
}

function percent(bytes: Buffer, at: number): readonly Unit[] {
  if (bytes[at + 1] !== 0x75) {
    const value = hex(bytes, at + 1, 2)
    if (value !== PERCENT) return unit(value, 3)
  }
  const found: Unit[] = []
  let next = at + 1
  // %2541 is %41 escaped once more.
  for (let depth = 0; depth < NESTING; depth += 1) {
    if ((bytes[next] ?? 0) === 0x75) return [...found, ...unit(hex(bytes, next + 1, 4), next + 5 - at)]
    const value = hex(bytes, next, 2)
    found.push(...unit(value, next + 2 - at))
    if (value !== PERCENT) break
    next += 2
  }
  return found
}

/** A backslash and the character. */
const SIMPLE: readonly (readonly Unit[])[] = Array.from({ length: 256 }, (_, value) => (isLetter(value) || isDigit(value) ? NOTHING : [{ value, length: 2 }]))

function backslash(bytes: Buffer, at: number): readonly Unit[] {
  const one = bytes[at + 1]
  // \n and its like never stand for a character that a credential has.
  if (one !== undefined && one !== BACKSLASH && one !== 0x75 && one !== 0x78) return SIMPLE[one] as readonly Unit[]
  let after = at + 1
  while (bytes[after] === BACKSLASH && after - at < MOST_BACKSLASHES) after += 1
  const run = after - at
  const found: Unit[] = []
  for (let length = 2; length <= run; length *= 2) found.push({ value: BACKSLASH, length })
  const next = bytes[after]
  if (next === undefined) return [...found, ...CUT_OFF]
  if (next === 0x78) found.push(...unit(hex(bytes, after + 1, 2), run + 3))
  else if (next === 0x75) found.push(...(bytes[after + 1] === BRACE ? braced(bytes, after + 2, run + 2) : unit(hex(bytes, after + 1, 4), run + 5)))
  else if (!isLetter(next) && !isDigit(next)) found.push({ value: next, length: run + 1 })
  return found
}

/** \u{41} */
function braced(bytes: Buffer, at: number, before: number): readonly Unit[] {
  const { value, count } = digits(bytes, at, 16)
  if (at + count >= bytes.length) return CUT_OFF
  return bytes[at + count] === CLOSING_BRACE && count > 0 ? unit(value, before + count + 1) : NOTHING
}

function digits(bytes: Buffer, at: number, base: 10 | 16): { value: number; count: number } {
  let value = 0
  let count = 0
  for (; count < MOST_DIGITS; count += 1) {
    const one = digit(bytes[at + count])
    if (one === -1 || one >= base) break
    value = value * base + one
  }
  return { value, count }
}

/** Names of the characters of ASCII that have one. */
const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", excl: '!', num: '#', dollar: '$', percnt: '%', lpar: '(', rpar: ')', ast: '*', plus: '+' },
  ...{ comma: ',', period: '.', sol: '/', colon: ':', semi: ';', equals: '=', quest: '?', commat: '@', lsqb: '[', lbrack: '[', bsol: '\\' },
  ...{ rsqb: ']', rbrack: ']', Hat: '^', lowbar: '_', grave: '`', lcub: '{', lbrace: '{', verbar: '|', vert: '|', rcub: '}', rbrace: '}' },
}
const LONGEST_NAME = Math.max(...Object.keys(NAMED).map((name) => name.length))
const AMP = Buffer.from('amp;')

function ampersand(bytes: Buffer, at: number): readonly Unit[] {
  let next = at + 1
  const first = bytes[next]
  if (first !== undefined && first !== HASH && !isLetter(first)) return NOTHING
  const found: Unit[] = []
  // &amp;#65; is &#65; escaped once more.
  for (let depth = 0; depth < NESTING && bytes[next] === 0x61 && bytes.subarray(next, next + AMP.length).equals(AMP); depth += 1) {
    next += AMP.length
    found.push({ value: AMPERSAND, length: next - at })
  }
  const one = bytes[next] === HASH ? numbered(bytes, next + 1) : named(bytes, next)
  if (one === undefined) return found
  return one.value === CUT ? [...found, one] : [...found, { value: one.value, length: next - at + one.length }]
}

/** Length from after the `&`. */
function numbered(bytes: Buffer, at: number): Unit | undefined {
  const x = ((bytes[at] ?? 0) | 0x20) === 0x78
  const start = x ? at + 1 : at
  const { value, count } = digits(bytes, start, x ? 16 : 10)
  const end = start + count
  if (end >= bytes.length) return { value: CUT, length: 0 }
  if (count === 0 || value > 255) return undefined
  return { value, length: 1 + (end - at) + (bytes[end] === SEMICOLON ? 1 : 0) }
}

function named(bytes: Buffer, at: number): Unit | undefined {
  let end = at
  while (end - at <= LONGEST_NAME && end < bytes.length && isLetter(bytes[end] as number)) end += 1
  if (end >= bytes.length) return { value: CUT, length: 0 }
  if (bytes[end] !== SEMICOLON) return undefined
  const character = NAMED[bytes.toString('latin1', at, end)]
  return character === undefined ? undefined : { value: character.charCodeAt(0), length: end - at + 1 }
}
