/** What a facilitator is asked, read out of JSON that anybody may have written: every field is checked here, and only here. */

import { chainIdOf, type FacilitatorRequest, findNetwork } from '../contract/index.ts'
import type { TokenDomain, Transfer } from '../evm/eip712.ts'

/** A request whose fields are well formed and agree with each other; addresses are lower case. Not yet judged. */
export interface Asked {
  readonly reason: undefined
  /** As the request wrote it: CAIP-2 in v2, a name in v1. */
  readonly network: string
  /** `authorization.from` as the request wrote it, which is how answers name it. */
  readonly payer: string
  readonly domain: TokenDomain
  readonly transfer: Transfer
  readonly signature: string
  readonly payTo: string
  readonly amount: bigint
}

export interface Refused {
  /** A name from x402 specification v2 section 9, or what @x402/evm says in its place. */
  readonly reason: string
  readonly network: string
  readonly payer: string | undefined
}

type Json = Readonly<Record<string, unknown>>

/** What the seller asks for, from the shape of either version. */
interface Offer {
  readonly asset: string
  readonly payTo: string
  readonly amount: bigint
}

const ADDRESS = /^0x[0-9a-fA-F]{40}$/
const NONCE = /^0x[0-9a-fA-F]{64}$/
const NUMBER = /^(?:0|[1-9]\d{0,77})$/
const LARGEST = 2n ** 256n - 1n

const asJson = (value: unknown): Json | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined)
const asText = (value: unknown): string => (typeof value === 'string' ? value : '')
const asAddress = (value: unknown): string | undefined => (typeof value === 'string' && ADDRESS.test(value) ? value.toLowerCase() : undefined)

/** A uint256 in decimals, the only form that x402 writes. */
function asNumber(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !NUMBER.test(value)) return undefined
  const number = BigInt(value)
  return number <= LARGEST ? number : undefined
}

function readOffer(requirements: Json, version: 1 | 2): Offer | undefined {
  const asset = asAddress(requirements.asset)
  const payTo = asAddress(requirements.payTo)
  const amount = asNumber(version === 1 ? requirements.maxAmountRequired : requirements.amount)
  return asset === undefined || payTo === undefined || amount === undefined ? undefined : { asset, payTo, amount }
}

function chainOf(network: string, version: 1 | 2): number | undefined {
  if (version === 2) return chainIdOf(network)
  const known = findNetwork(network)
  return known !== undefined && known.v1Name === network ? known.chainId : undefined
}

/** v2 repeats the chosen offer in `accepted`, unchanged. Why it is not the one that is asked for, if so. */
function differenceOf(accepted: Json, offer: Offer, extra: Json): string | undefined {
  const said = readOffer(accepted, 2)
  const saidExtra = asJson(accepted.extra)
  if (said === undefined || saidExtra === undefined || said.asset !== offer.asset) return 'invalid_payload'
  if (said.payTo !== offer.payTo) return 'invalid_exact_evm_recipient_mismatch'
  if (said.amount !== offer.amount) return 'invalid_exact_evm_payload_authorization_value_mismatch'
  if (saidExtra.name !== extra.name) return 'invalid_exact_evm_token_name_mismatch'
  if (saidExtra.version !== extra.version) return 'invalid_exact_evm_token_version_mismatch'
  return undefined
}

function readTransfer(authorization: Json): Transfer | undefined {
  const from = asAddress(authorization.from)
  const to = asAddress(authorization.to)
  const value = asNumber(authorization.value)
  const validAfter = asNumber(authorization.validAfter)
  const validBefore = asNumber(authorization.validBefore)
  const nonce = authorization.nonce
  if (from === undefined || to === undefined || value === undefined || validAfter === undefined || validBefore === undefined) return undefined
  if (typeof nonce !== 'string' || !NONCE.test(nonce)) return undefined
  return { from, to, value, validAfter, validBefore, nonce: nonce.toLowerCase() }
}

function versionOf(request: FacilitatorRequest, payload: Json): 1 | 2 | undefined {
  const version = request.x402Version
  return (version === 1 || version === 2) && payload.x402Version === version ? version : undefined
}

/** Never throws, whatever the request holds. */
export function readRequest(request: FacilitatorRequest): Asked | Refused {
  const payload = asJson(request.paymentPayload)
  const requirements = asJson(request.paymentRequirements)
  const inner = asJson(payload?.payload)
  const authorization = asJson(inner?.authorization)
  const network = asText(requirements?.network)
  const payer = asAddress(authorization?.from) === undefined ? undefined : asText(authorization?.from)
  const refused = (reason: string): Refused => ({ reason, network, payer })

  if (payload === undefined) return refused('invalid_payload')
  if (requirements === undefined) return refused('invalid_payment_requirements')
  const version = versionOf(request, payload)
  if (version === undefined) return refused('invalid_x402_version')
  const said = version === 1 ? payload : asJson(payload.accepted)
  if (said === undefined) return refused('invalid_payload')
  if (said.scheme !== 'exact' || requirements.scheme !== 'exact') return refused('invalid_exact_evm_scheme')
  const offer = readOffer(requirements, version)
  if (offer === undefined) return refused('invalid_payment_requirements')
  const extra = asJson(requirements.extra)
  const name = asText(extra?.name)
  const tokenVersion = asText(extra?.version)
  if (extra === undefined || name === '' || tokenVersion === '') return refused('invalid_exact_evm_missing_eip712_domain')
  if (said.network !== network) return refused('invalid_exact_evm_network_mismatch')
  const chainId = chainOf(network, version)
  if (chainId === undefined) return refused('invalid_network')
  const difference = version === 2 ? differenceOf(said, offer, extra) : undefined
  if (difference !== undefined) return refused(difference)
  if (authorization === undefined) return refused(inner === undefined ? 'invalid_payload' : 'unsupported_payload_type')
  const transfer = readTransfer(authorization)
  if (transfer === undefined || payer === undefined || typeof inner?.signature !== 'string') return refused('invalid_payload')

  const domain = { name, version: tokenVersion, chainId, verifyingContract: offer.asset }
  return { reason: undefined, network, payer, domain, transfer, signature: inner.signature, payTo: offer.payTo, amount: offer.amount }
}
