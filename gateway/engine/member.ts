/**
 * Whether the JSON object in a body has a member of some name that says something: other than null, false or empty text. Reads no
 * further than it must, builds nothing, and takes a body of which only the beginning is there.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = [0x7b, 0x5b]
const CLOSE = [0x7d, 0x5d]
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])
const NOTHING = new Set([0x6e, 0x66]) // null, false

export function hasMember(body: Buffer, name: string): boolean {
  let at = spaces(body, 0)
  if (body[at] !== OPEN[0]) return false
  for (at = spaces(body, at + 1); body[at] === QUOTE; at = spaces(body, at + 1)) {
    const end = endOfText(body, at)
    const isIt = nameIn(body, at, end) === name
    at = spaces(body, end + 1)
    if (body[at] !== COLON) return false
    at = spaces(body, at + 1)
    if (isIt && at < body.length && says(body, at)) return true
    at = spaces(body, endOfValue(body, at))
    if (body[at] !== COMMA) return false
  }
  return false
}

const says = (body: Buffer, at: number): boolean => !NOTHING.has(body[at] as number) && !(body[at] === QUOTE && body[at + 1] === QUOTE)

function spaces(body: Buffer, from: number): number {
  let at = from
  while (SPACES.has(body[at] as number)) at += 1
  return at
}

/** Of its closing quote, or the length. */
function endOfText(body: Buffer, start: number): number {
  let at = start + 1
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1
  return at
}

function nameIn(body: Buffer, start: number, end: number): string {
  const text = body.toString('utf8', start + 1, end)
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}

/** Behind a value. */
function endOfValue(body: Buffer, start: number): number {
  let depth = 0
  for (let at = start; at < body.length; at += 1) {
    const byte = body[at] as number
    if (byte === QUOTE) at = endOfText(body, at)
    else if (OPEN.includes(byte)) depth += 1
    else if (CLOSE.includes(byte)) {
      if (depth === 0) return at
      depth -= 1
    } else if (byte === COMMA && depth === 0) return at
  }
  return body.length
}
