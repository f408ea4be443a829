/** How a credential may be written in an answer: an encoder each, with chance where there is a choice. */

/** Any whole number from 0 up. */
type Chance = () => number

const some = (chance: Chance, of: number): number => chance() % of
const hexOf = (byte: number, chance: Chance): string => {
  const hex = byte.toString(16).padStart(2, '0')
  return some(chance, 2) === 0 ? hex : hex.toUpperCase()
}
const each = (text: string, how: (character: string, code: number) => string): Buffer =>
  Buffer.from([...text].map((one) => how(one, one.charCodeAt(0))).join(''))
const urlByte = (chance: Chance) => (byte: number) => `%${hexOf(byte, chance)}`
const HTML_NAMES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '/': '&sol;', '+': '&plus;' }

/** Alignment of base64: so many bytes before. */
const base64 =
  (before: number, url: boolean) =>
  (secret: string, chance: Chance): Buffer => {
    const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => some(chance, 256)))
    const whole = Buffer.concat([bytes(before), Buffer.from(secret), bytes(some(chance, 3))]).toString(url ? 'base64url' : 'base64')
    return Buffer.from(whole.replace(/=+$/, ''))
  }

export const ENCODINGS = {
  plain: (secret: string) => Buffer.from(secret),
  'as a header carries it': (secret: string) => Buffer.from(secret, 'latin1'),
  'URL-encoded': (secret: string) => Buffer.from(encodeURIComponent(secret)),
  'URL-encoded as a form': (secret: string) => Buffer.from(new URLSearchParams({ k: secret }).toString().slice(2)),
  'URL-encoded here and there': (secret: string, chance: Chance) =>
    each(secret, (one, code) => (code > 127 ? encodeURIComponent(one) : some(chance, 2) === 0 ? one : urlByte(chance)(code))),
  'URL-encoded throughout': (secret: string, chance: Chance) => Buffer.from([...Buffer.from(secret)].map(urlByte(chance)).join('')),
  'URL-encoded twice': (secret: string) => Buffer.from(encodeURIComponent(encodeURIComponent(secret))),
  'JSON-escaped': (secret: string) => Buffer.from(JSON.stringify(secret).slice(1, -1)),
  'JSON-escaped with slashes': (secret: string) => Buffer.from(JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/')),
  'JSON-escaped here and there': (secret: string, chance: Chance) =>
    each(secret, (one, code) => (code < 128 && some(chance, 2) === 0 ? JSON.stringify(one).slice(1, -1) : `\\u00${hexOf(code, chance)}`)),
  'JSON-escaped twice': (secret: string) => Buffer.from(JSON.stringify(JSON.stringify(secret)).slice(3, -3)),
  'in hex of either case': (secret: string, chance: Chance) => Buffer.from([...Buffer.from(secret)].map((byte) => hexOf(byte, chance)).join('')),
  'in hex with colons': (secret: string) => Buffer.from([...Buffer.from(secret)].map((byte) => hexOf(byte, () => 0)).join(':')),
  'in escaped hex': (secret: string, chance: Chance) =>
    each(secret, (one, code) => (code < 128 && some(chance, 3) === 0 && one !== '\\' ? one : `\\x${hexOf(code, chance)}`)),
  'as a list of bytes': (secret: string) => Buffer.from([...Buffer.from(secret)].join()),
  'in HTML, by names': (secret: string) => each(secret, (one, code) => HTML_NAMES[one] ?? (code > 127 ? `&#${code};` : one)),
  'in HTML, by decimals': (secret: string, chance: Chance) => each(secret, (_, code) => `&#${'0'.repeat(some(chance, 4))}${code};`),
  'in HTML, by hex': (secret: string, chance: Chance) => each(secret, (_, code) => `&#${some(chance, 2) === 0 ? 'x' : 'X'}${hexOf(code, chance)};`),
  'in HTML here and there': (secret: string, chance: Chance) =>
    each(secret, (one, code) => (code < 128 && one !== '&' && some(chance, 2) === 0 ? one : `&#${code};`)),
  'base64, alignment 0': base64(0, false),
  'base64, alignment 1': base64(1, false),
  'base64, alignment 2': base64(2, false),
  'base64url, alignment 0': base64(0, true),
  'base64url, alignment 1': base64(1, true),
  'base64url, alignment 2': base64(2, true),
  'base64 in JSON': (secret: string, chance: Chance) => Buffer.from(base64(0, false)(secret, chance).toString().replaceAll('/', '\\/')),
  'base64 in a URL': (secret: string, chance: Chance) => Buffer.from(encodeURIComponent(base64(1, false)(secret, chance).toString())),
} satisfies Readonly<Record<string, (secret: string, chance: Chance) => Buffer>>

export type Encoding = keyof typeof ENCODINGS

export const bytesWise = (bytes: Buffer): Buffer[] => Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1))
