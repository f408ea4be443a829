/**
 * A transfer of tokens as a signed transaction: the call (EIP-20), its envelope (EIP-1559, EIP-2718) in RLP (Yellow Paper,
 * appendix B), and the wallet that signs it. The private key is in `Wallet` and nowhere else.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { walletKeyOf } from '#contract'
import { numberWord } from '../evm/eip712.ts'

/** Bytes, or a list of items. */
type Item = Uint8Array | readonly Item[]

export interface TransferWish {
  readonly chainId: bigint
  readonly accountNonce: bigint
  /** Wei a unit of gas. */
  readonly tip: bigint
  readonly mostFee: bigint
  readonly gas: bigint
  readonly asset: string
  readonly to: string
  /** Atomic units of the token. */
  readonly amount: bigint
}

export interface SignedTransfer {
  /** 0x and hex. */
  readonly raw: string
  readonly transaction: string
}

export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.slice(2), 'hex')

/** Big-endian without leading zeros; zero is nothing. */
function numberBytes(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array()
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function headed(offset: number, body: Uint8Array): Uint8Array {
  if (body.length < 56) return Buffer.concat([Uint8Array.of(offset + body.length), body])
  const length = numberBytes(BigInt(body.length))
  return Buffer.concat([Uint8Array.of(offset + 55 + length.length), length, body])
}

export function rlp(item: Item): Uint8Array {
  if (!(item instanceof Uint8Array)) return headed(0xc0, Buffer.concat(item.map(rlp)))
  return item.length === 1 && (item[0] as number) < 0x80 ? item : headed(0x80, item)
}

const TRANSFER = Buffer.from(keccak_256(Buffer.from('transfer(address,uint256)'))).subarray(0, 4)

/** Call data of `transfer(to, amount)`. */
export const transferData = (to: string, amount: bigint): Uint8Array => Buffer.concat([TRANSFER, numberWord(BigInt(to)), numberWord(amount)])

const TYPE = Uint8Array.of(2)

export class Wallet {
  readonly #key: Uint8Array
  /** Lower case. */
  readonly address: string

  /** Bytes are the hex digits, too, and are cleared. @throws WalletError, which does not say what was given */
  constructor(privateKey: string | Buffer) {
    const digits = Buffer.from(privateKey as string)
    const key = walletKeyOf(digits)
    digits.fill(0)
    if (typeof privateKey !== 'string') privateKey.fill(0)
    if (key === undefined || !secp256k1.utils.isValidSecretKey(key))
      throw new WalletError('payout.signer is no private key of a wallet; expected 64 hex digits')
    this.#key = key
    this.address = hexOf(keccak_256(secp256k1.getPublicKey(key, false).subarray(1)).subarray(12))
  }

  sign(wish: TransferWish): SignedTransfer {
    const numbers = [wish.chainId, wish.accountNonce, wish.tip, wish.mostFee, wish.gas].map(numberBytes)
    const fields: readonly Item[] = [...numbers, bytesOf(wish.asset), new Uint8Array(), transferData(wish.to, wish.amount), []]
    const digest = keccak_256(Buffer.concat([TYPE, rlp(fields)]))
    const signature = secp256k1.sign(digest, this.#key, { prehash: false, format: 'recovered' })
    const parts = [signature.subarray(0, 1), signature.subarray(1, 33), signature.subarray(33)].map((part) => numberBytes(BigInt(hexOf(part))))
    const raw = Buffer.concat([TYPE, rlp([...fields, ...parts])])
    return { raw: hexOf(raw), transaction: hexOf(keccak_256(raw)) }
  }
}

class WalletError extends Error {
  override name = 'WalletError'
}
