/** SHA-256 in one call: half the price of a Hash object for what is hashed here (keys, requests, answers). */
import crypto, { createHash } from 'node:crypto'

/** Since Node 20.12; before, a Hash object does. */
const oneShot = (crypto as { hash?: (algorithm: string, data: string | Uint8Array, encoding: 'hex') => string }).hash

const SCRATCH_BYTES = 16 * 1024
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/** Of a text in UTF-8 and the bytes behind it, which are put together in memory that is used again. */
export function sha256Of(text: string, bytes: Uint8Array): string {
  if (text.length * 3 + bytes.length > SCRATCH_BYTES) return sha256(Buffer.concat([Buffer.from(text), bytes]))
  const size = scratch.write(text)
  scratch.set(bytes, size)
  return sha256(scratch.subarray(0, size + bytes.length))
}

export const sha256 = (data: string | Uint8Array): string =>
  oneShot === undefined ? createHash('sha256').update(data).digest('hex') : oneShot('sha256', data, 'hex')
