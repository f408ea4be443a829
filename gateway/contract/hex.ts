/** Hex digits that are a secret: read from bytes to bytes, because text stays in memory for as long as it likes. */

const NONE = -1

function digitOf(byte: number | undefined): number {
  if (byte === undefined) return NONE
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : NONE
}

/** The bytes that these characters are the hex digits of, in memory of their own; undefined where they are not exactly that many. */
export function bytesOfHex(characters: Uint8Array, byteCount: number): Buffer | undefined {
  if (characters.length !== byteCount * 2) return undefined
  const bytes = Buffer.alloc(byteCount)
  for (let index = 0; index < byteCount; index += 1) {
    const high = digitOf(characters[index * 2])
    const low = digitOf(characters[index * 2 + 1])
    if (high === NONE || low === NONE) {
      bytes.fill(0)
      return undefined
    }
    bytes[index] = high * 16 + low
  }
  return bytes
}

const [ZERO, LETTER_X] = [0x30, 0x78]
const WALLET_KEY_BYTES = 32

/** Private key of a wallet, as people write it: 64 hex digits, with 0x or without. */
export const walletKeyOf = (characters: Uint8Array): Buffer | undefined =>
  bytesOfHex(characters[0] === ZERO && characters[1] === LETTER_X ? characters.subarray(2) : characters, WALLET_KEY_BYTES)

const DIGITS = Buffer.from('0123456789abcdef')

export function hexOfBytes(bytes: Uint8Array): Buffer {
  const characters = Buffer.alloc(bytes.length * 2)
  for (const [index, byte] of bytes.entries()) {
    characters[index * 2] = DIGITS[byte >> 4] as number
    characters[index * 2 + 1] = DIGITS[byte & 15] as number
  }
  return characters
}
