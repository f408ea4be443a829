/** Buyers for tests: the official client, which pays by itself, and single payments that a test can send often, late or altered. */

import { registerExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client, x402HTTPClient } from '@x402/fetch'
import { privateKeyToAccount } from 'viem/accounts'
import { findNetwork } from '../../gateway/contract/index.ts'
import type { Hex } from './compile.ts'

export interface BuyerOptions {
  readonly privateKey: Hex
  /** Only for what reads the chain (extensions); EIP-3009 payments are signed offline. */
  readonly rpcUrl?: string
  /** Most dollars a payment; the official default is 1. */
  readonly maxUsd?: number
}

function buyer({ privateKey, rpcUrl, maxUsd }: BuyerOptions): x402Client {
  const client = new x402Client()
  const schemeOptions = rpcUrl === undefined ? {} : { schemeOptions: { rpcUrl } }
  registerExactEvmScheme(client, { signer: privateKeyToAccount(privateKey), ...schemeOptions })
  return maxUsd === undefined ? client : client.setSpendControls({ maxAmountPerPayment: `$${maxUsd}` })
}

/** `fetch` that answers a 402 by paying, as the official client does it: v2 from the header, v1 from the body. */
export const payingFetch = (options: BuyerOptions): typeof fetch => wrapFetchWithPayment(fetch, buyer(options)) as typeof fetch

/** EIP-3009 as it stands in a payment. */
export interface Authorization {
  readonly from: Hex
  readonly to: Hex
  readonly value: string
  readonly validAfter: string
  readonly validBefore: string
  readonly nonce: Hex
}

interface Domain {
  readonly name: string
  readonly version: string
  readonly chainId: number
  readonly verifyingContract: Hex
}

/** A payment as JSON: `accepted` in v2; `scheme` and `network` in v1. */
export interface PaymentJson {
  x402Version: number
  payload: { signature: Hex; authorization: Authorization }
  [member: string]: unknown
}

export interface Overrides {
  /** Signed instead of what the client would have signed. */
  readonly authorization?: Partial<Authorization>
  readonly domain?: Partial<Domain>
  /** Changes the finished payment, whose signature stays as it is. */
  readonly after?: (payment: PaymentJson) => PaymentJson
}

/** A decoded 402: v2 `PaymentRequired`, or the v1 body. Also the PAYMENT-REQUIRED header as it came. */
export type Offered = string | { readonly x402Version: number; readonly accepts: readonly unknown[] }

/** EIP-712 types of EIP-3009. */
export const TRANSFER_TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const

/** The offer that the client chose: repeated in a v2 payment, the first one for v1. */
function domainOf(payment: PaymentJson, offered: Exclude<Offered, string>): Domain {
  const offer = (payment.accepted ?? offered.accepts[0]) as { network: string; asset: Hex; extra: { name: string; version: string } }
  const chainId = findNetwork(offer.network)?.chainId ?? Number(offer.network.split(':')[1])
  return { name: offer.extra.name, version: offer.extra.version, chainId, verifyingContract: offer.asset }
}

async function signedAgain(payment: PaymentJson, privateKey: Hex, offered: Exclude<Offered, string>, overrides: Overrides): Promise<PaymentJson> {
  const authorization = { ...payment.payload.authorization, ...overrides.authorization }
  const signature = await privateKeyToAccount(privateKey).signTypedData({
    domain: { ...domainOf(payment, offered), ...overrides.domain },
    types: TRANSFER_TYPES,
    primaryType: 'TransferWithAuthorization',
    message: {
      ...authorization,
      value: BigInt(authorization.value),
      validAfter: BigInt(authorization.validAfter),
      validBefore: BigInt(authorization.validBefore),
    },
  })
  return { ...payment, payload: { signature, authorization } }
}

export const decodeHeader = (header: string): unknown => JSON.parse(Buffer.from(header, 'base64').toString('utf8'))
export const encodeHeader = (json: unknown): string => Buffer.from(JSON.stringify(json), 'utf8').toString('base64')

/** The payment that the official client makes for a 402, with overrides, as JSON. */
export async function signedPayload(offered: Offered, privateKey: Hex, overrides: Overrides = {}): Promise<PaymentJson> {
  const decoded = (typeof offered === 'string' ? decodeHeader(offered) : offered) as Exclude<Offered, string>
  const client = buyer({ privateKey }).setSpendControls(false)
  let payment = (await client.createPaymentPayload(decoded as Parameters<x402Client['createPaymentPayload']>[0])) as unknown as PaymentJson
  if (overrides.authorization !== undefined || overrides.domain !== undefined) payment = await signedAgain(payment, privateKey, decoded, overrides)
  return overrides.after === undefined ? payment : overrides.after(payment)
}

const headerOf = (payment: PaymentJson, name: string): string => {
  const headers = new x402HTTPClient(new x402Client()).encodePaymentSignatureHeader(payment as never)
  const value = headers[name]
  if (value === undefined) throw new Error(`the offer is of another version: the client would send ${Object.keys(headers).join()}`)
  return value
}

/** Value of PAYMENT-SIGNATURE for a v2 offer. */
export const signedPayment = async (offered: Offered, privateKey: Hex, overrides: Overrides = {}): Promise<string> =>
  headerOf(await signedPayload(offered, privateKey, overrides), 'PAYMENT-SIGNATURE')

/** Value of X-PAYMENT for a v1 offer (the body of the 402). */
export const signedPaymentV1 = async (offered: Exclude<Offered, string>, privateKey: Hex, overrides: Overrides = {}): Promise<string> =>
  headerOf(await signedPayload(offered, privateKey, overrides), 'X-PAYMENT')
