/** Answers that are coded although identity was asked for: decoded whole and within a bound, since nothing can be looked for in them before. */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

/** RFC 1950 as the standard says, RFC 1951 as some servers send it. */
const inflate: Decoder = (bytes, options) => {
  const wrapped = bytes.length >= 2 && ((bytes[0] as number) & 15) === 8 && bytes.readUInt16BE(0) % 31 === 0
  return wrapped ? inflateSync(bytes, options) : inflateRawSync(bytes, options)
}

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflate],
  ['br', brotliDecompressSync],
])

/** One coding; several, one upon the other, are not. */
export const isKnownCoding = (coding: string): boolean => DECODERS.has(coding)

/** Undefined where it is damaged, or longer than `most`. */
export function decode(bytes: Buffer, coding: string, most: number): Buffer | undefined {
  try {
    return DECODERS.get(coding)?.(bytes, { maxOutputLength: most })
  } catch {
    return undefined
  }
}

/** True of the coded form only. */
const OF_THE_CODED: ReadonlySet<string> = new Set(['content-encoding', 'content-length', 'content-md5', 'digest', 'content-digest', 'repr-digest'])

export function decodedFields(fields: readonly string[]): string[] {
  return fields.filter((_, at) => !OF_THE_CODED.has((fields[at - (at % 2)] as string).toLowerCase()))
}
