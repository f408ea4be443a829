/** The digest that a wallet signs for an EIP-3009 transfer (EIP-712 typed data). */

import { keccak_256 } from '@noble/hashes/sha3.js'

/** EIP-712 domain of a token: `extra.name`, `extra.version`, the network and the asset of an offer. */
export interface TokenDomain {
  readonly name: string
  readonly version: string
  readonly chainId: number
  /** 0x and 40 hex digits. */
  readonly verifyingContract: string
}

/** EIP-3009 `TransferWithAuthorization`. Addresses have 40 hex digits, the nonce 64; the numbers are below 2^256. */
export interface Transfer {
  readonly from: string
  readonly to: string
  readonly value: bigint
  readonly validAfter: bigint
  readonly validBefore: bigint
  readonly nonce: string
}

const keccakOfText = (text: string): Uint8Array => keccak_256(Buffer.from(text, 'utf8'))

const DOMAIN_TYPE = keccakOfText('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)')
const TRANSFER_TYPE = keccakOfText('TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)')
/** EIP-712: the two bytes before domain and message, which no transaction begins with. */
const PREFIX = Uint8Array.of(0x19, 0x01)

/** 32 bytes, big-endian. */
export const numberWord = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
const hexWord = (hex: string): Uint8Array => Buffer.from(hex.slice(2).padStart(64, '0'), 'hex')
const hashOf = (...words: readonly Uint8Array[]): Uint8Array => keccak_256(Buffer.concat(words))

/** EIP-712 "hashTypedData" for a transfer of one token. */
export function transferDigest(domain: TokenDomain, transfer: Transfer): Uint8Array {
  const separator = hashOf(
    DOMAIN_TYPE,
    keccakOfText(domain.name),
    keccakOfText(domain.version),
    numberWord(BigInt(domain.chainId)),
    hexWord(domain.verifyingContract),
  )
  const message = hashOf(
    TRANSFER_TYPE,
    hexWord(transfer.from),
    hexWord(transfer.to),
    numberWord(transfer.value),
    numberWord(transfer.validAfter),
    numberWord(transfer.validBefore),
    hexWord(transfer.nonce),
  )
  return hashOf(PREFIX, separator, message)
}

/** A 32-byte id in hex, made from text. */
export const idOfText = (text: string): string => Buffer.from(keccakOfText(text)).toString('hex')
