/** Who signed: by recovering the key of an account, or by asking a contract. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { NodeRpc } from './rpc.ts'

const SIGNATURE = /^0x[0-9a-fA-F]{130}$/

// The curve takes 30 ms to load, the longest part of a sandbox's start; the first signature waits for it instead.
let curve: Promise<typeof import('@noble/curves/secp256k1.js')> | undefined
const loadCurve = () => {
  curve ??= import('@noble/curves/secp256k1.js')
  return curve
}

/**
 * The lower-case address that signed, or undefined where tokens take the signature for invalid: not 65 bytes, v other than
 * 27 or 28, r or s out of range, or a high s (EIP-2; without that check each signature would have a second form).
 */
export async function recoverAddress(digest: Uint8Array, signature: string): Promise<string | undefined> {
  if (!SIGNATURE.test(signature)) return undefined
  const v = Number.parseInt(signature.slice(130), 16)
  if (v !== 27 && v !== 28) return undefined
  const { secp256k1 } = await loadCurve()
  try {
    const parsed = new secp256k1.Signature(BigInt(signature.slice(0, 66)), BigInt(`0x${signature.slice(66, 130)}`), v - 27)
    if (parsed.hasHighS()) return undefined
    const point = parsed.recoverPublicKey(digest).toBytes(false)
    return `0x${Buffer.from(keccak_256(point.subarray(1)).subarray(12)).toString('hex')}`
  } catch {
    // r or s is zero or beyond the order of the curve, or r is no point's coordinate: the library's way to say so
    return undefined
  }
}

/** EIP-191, version 0x45: what a wallet signs for a text. */
export function personalDigest(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8')
  return keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${bytes.length}`, 'utf8'), bytes]))
}

/** EIP-55: an address with the capitals that check it. */
export function checksumAddress(address: string): string {
  const digits = address.slice(2).toLowerCase()
  const hash = Buffer.from(keccak_256(Buffer.from(digits, 'utf8'))).toString('hex')
  return `0x${[...digits].map((digit, index) => (Number.parseInt(hash[index] as string, 16) > 7 ? digit.toUpperCase() : digit)).join('')}`
}

/** First four bytes of keccak256 of isValidSignature(bytes32,bytes), which is also what a contract answers that accepts. */
const ACCEPTS = '1626ba7e'
const word = (value: number): string => value.toString(16).padStart(64, '0')

/** ERC-1271: does the contract at this address take it for its own? @throws NodeError: then nothing is known */
export async function contractAccepts(node: NodeRpc, address: string, digest: Uint8Array, signature: string): Promise<boolean> {
  const code = await node.ask('eth_getCode', [address, 'latest'])
  if (typeof code !== 'string' || code === '0x') return false
  const hex = signature.slice(2)
  const padded = hex.padEnd(Math.ceil(hex.length / 64) * 64, '0')
  const data = `0x${ACCEPTS}${Buffer.from(digest).toString('hex')}${word(64)}${word(hex.length / 2)}${padded}`
  const answer = await node.ask('eth_call', [{ to: address, data }, 'latest'])
  return typeof answer === 'string' && answer.toLowerCase() === `0x${ACCEPTS}${'0'.repeat(56)}`
}
