/** EIP-55: the capitals of an address are a checksum. Money that goes to a mistyped wallet is gone, so a misfit is worth a warning. */

import { keccak_256 } from '@noble/hashes/sha3.js'

/** The address with the capitals that fit; an address without any capitals, or all capitals, carries no checksum and is returned as it is. */
export function checksummed(address: string): string {
  const digits = address.slice(2)
  const lower = digits.toLowerCase()
  if (digits === lower || digits === digits.toUpperCase()) return address
  const hash = keccak_256(new TextEncoder().encode(lower))
  const cased = Array.from(lower, (digit, index) => {
    const byte = hash[index >> 1] as number
    return (index % 2 === 0 ? byte >> 4 : byte & 15) >= 8 ? digit.toUpperCase() : digit
  })
  return `0x${cased.join('')}`
}
