/**
 * Bytes of text compared and copied eight at a time, as floating point numbers, the widest that a view reads. In UTF-8 no eight bytes are
 * a number that is not equal to itself (that would take a byte of 0xff, or 0x7f behind the first of four), and none are a zero.
 */

const WIDE = 8
const WORD = 4

export function isSame(a: DataView, atA: number, b: DataView, atB: number, length: number): boolean {
  if (atB + length > b.byteLength) return false
  const last = length - WIDE
  for (let index = 0; index < last; index += WIDE) if (a.getFloat64(atA + index, true) !== b.getFloat64(atB + index, true)) return false
  // The last ones overlap those before.
  if (last >= 0) return a.getFloat64(atA + last, true) === b.getFloat64(atB + last, true)
  for (let index = 0; index < length; index += 1) if (a.getUint8(atA + index) !== b.getUint8(atB + index)) return false
  return true
}

export function copyText(from: DataView, start: number, to: DataView, at: number, length: number): void {
  const last = length - WIDE
  for (let index = 0; index < last; index += WIDE) to.setFloat64(at + index, from.getFloat64(start + index, true), true)
  if (last >= 0) to.setFloat64(at + last, from.getFloat64(start + last, true), true)
  else for (let index = 0; index < length; index += 1) to.setUint8(at + index, from.getUint8(start + index))
}

/** Any large odd number. */
const FACTOR = 0x9e3779b1 | 0

/** One step of a hash, by four bytes or by one. */
export const hashed = (hash: number, word: number): number => Math.imul(((hash << 5) | (hash >>> 27)) ^ word, FACTOR)

/** Four bytes at a time, and those that are left one by one. */
export function hashOf(view: DataView, from: number, to: number): number {
  let hash = 0
  let at = from
  for (; at + WORD <= to; at += WORD) hash = hashed(hash, view.getInt32(at, true))
  for (; at < to; at += 1) hash = hashed(hash, view.getUint8(at))
  return hash
}
