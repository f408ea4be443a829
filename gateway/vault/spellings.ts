/**
 * The ways in which a credential may be written in an answer, each as bytes to look for. Buffers only: no string of this
 * process ever holds one of them.
 */
import { transcode } from 'node:buffer'

export interface Spelling {
  /** As `fold` makes them. */
  readonly bytes: Buffer
  /** Byte -> byte, for what counts as the same in this spelling: case, or the two alphabets of base64. */
  readonly fold: Uint8Array
  /** Looked for also where characters of it are escaped, for URLs, JSON or HTML. */
  readonly escaped: boolean
}

/** Below this a credential cannot be told from chance. */
const SHORTEST = 6
/** From here on upper and lower case count as the same: names of fields change theirs on the way. */
const CASELESS_FROM = 12
/** Half of a `name:secret` that is looked for by itself. */
const PART_FROM = 8
const COLON = 0x3a

const table = (changes: readonly (readonly [string, string])[]): Uint8Array => {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  for (const [from, to] of changes) fold[from.charCodeAt(0)] = to.charCodeAt(0)
  return fold
}

const CAPITALS = Array.from({ length: 26 }, (_, at) => [String.fromCharCode(65 + at), String.fromCharCode(97 + at)] as const)
const URL_ALPHABET = [
  ['-', '+'],
  ['_', '/'],
] as const
const EXACT = table([])
const CASELESS = table(CAPITALS)
const BASE64 = table(URL_ALPHABET)
/** Coarser than each of them: what is the same in one is the same here. */
export const COARSE: Uint8Array = table([...CAPITALS, ...URL_ALPHABET])

/** @param secret text in UTF-8; the caller's own, and not kept */
export function spellingsOf(secret: Buffer): readonly Spelling[] {
  if (secret.length < SHORTEST) return []
  return [...spelled(secret), ...partsOf(secret).flatMap(spelled)]
}

/** `user:password` as basic sends it: also the password alone, or the user where that is what is long. */
function partsOf(secret: Buffer): readonly Buffer[] {
  const colon = secret.indexOf(COLON)
  if (colon === -1) return []
  const [user, password] = [secret.subarray(0, colon), secret.subarray(colon + 1)]
  if (password.length >= PART_FROM) return [password]
  return user.length >= PART_FROM ? [user] : []
}

function spelled(secret: Buffer): Spelling[] {
  const plain = secret.length < CASELESS_FROM ? EXACT : CASELESS
  const narrow = inLatin1(secret)
  return [
    spelling(secret, plain, true),
    ...(narrow === undefined ? [] : [spelling(narrow, plain, true)]),
    ...(secret.includes(' ') ? [spelling(withPluses(secret), plain, true)] : []),
    spelling(inHex(secret, ''), CASELESS, false),
    ...[':', ' ', '-'].map((between) => spelling(inHex(secret, between), CASELESS, false)),
    ...[',', ', '].map((between) => spelling(inDecimals(secret, between), EXACT, false)),
    ...[0, 1, 2].map((before) => spelling(inBase64(secret, before), BASE64, true)),
  ]
}

function spelling(bytes: Buffer, fold: Uint8Array, escaped: boolean): Spelling {
  const folded = Buffer.allocUnsafeSlow(bytes.length)
  for (let at = 0; at < bytes.length; at += 1) folded[at] = fold[bytes[at] as number] as number
  return { bytes: folded, fold, escaped }
}

/** As a header carries it, where that differs. */
function inLatin1(secret: Buffer): Buffer | undefined {
  if (secret.every((byte) => byte < 0x80)) return undefined
  const narrow = transcode(secret, 'utf8', 'latin1')
  return transcode(narrow, 'latin1', 'utf8').equals(secret) ? narrow : undefined
}

const withPluses = (secret: Buffer): Buffer => Buffer.from(secret.map((byte) => (byte === 0x20 ? 0x2b : byte)))

const HEX = Buffer.from('0123456789abcdef')

function inHex(secret: Buffer, between: string): Buffer {
  const bytes: number[] = []
  for (const [at, byte] of secret.entries()) {
    if (at > 0 && between !== '') bytes.push(between.charCodeAt(0))
    bytes.push(HEX[byte >> 4] as number, HEX[byte & 15] as number)
  }
  return Buffer.from(bytes)
}

/** As programs print a list of bytes. */
function inDecimals(secret: Buffer, between: string): Buffer {
  const bytes: number[] = []
  for (const [at, byte] of secret.entries()) {
    if (at > 0) for (const one of between) bytes.push(one.charCodeAt(0))
    if (byte >= 100) bytes.push(0x30 + Math.floor(byte / 100))
    if (byte >= 10) bytes.push(0x30 + (Math.floor(byte / 10) % 10))
    bytes.push(0x30 + (byte % 10))
  }
  return Buffer.from(bytes)
}

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')

/** The characters that the credential alone decides, where `before` bytes (modulo 3) stand before it. */
function inBase64(secret: Buffer, before: number): Buffer {
  const first = Math.ceil((before * 8) / 6)
  const end = Math.floor(((before + secret.length) * 8) / 6)
  const bytes: number[] = []
  for (let character = first; character < end; character += 1) {
    const bit = character * 6 - before * 8
    const two = ((secret[bit >> 3] as number) << 8) | (secret[(bit >> 3) + 1] ?? 0)
    bytes.push(ALPHABET[(two >> (10 - (bit & 7))) & 63] as number)
  }
  return Buffer.from(bytes)
}
