/** SHA-256 in one call: half the price of a Hash object for what is hashed here (keys, requests, answers). */
import crypto, { createHash } from 'node:crypto'

/** Since Node 20.12; before, a Hash object does. */
const oneShot = (crypto as { hash?: (algorithm: string, data: string | Uint8Array, encoding: 'hex') => string }).hash

export const sha256 = (data: string | Uint8Array): string =>
  oneShot === undefined ? createHash('sha256').update(data).digest('hex') : oneShot('sha256', data, 'hex')
