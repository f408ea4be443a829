/**
 * A payment as it stands in a request: decoded once, and held against the offer before anybody is asked. What is refused here
 * a facilitator would refuse anyway; it learns nothing of it. Scheme exact on EVM, EIP-3009 (x402 v2 sections 5 and 6.1).
 */
import { type EpochMs, type PaymentRequirements, type ReadPayment, type Refusal, type Resource, refuse, sha256 } from '#contract'
import { micros, type Offer, requirements, requirementsV1, type Terms } from './offers.ts'
import { ShownPayment } from './shown.ts'

const ADDRESS = /^0x[0-9a-fA-F]{40}$/
/** 32 bytes. */
const WORD = /^0x[0-9a-fA-F]{64}$/
/** Standard alphabet, padded or not, as the official decoder takes it. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const UINT = /^(0|[1-9]\d{0,77})$/
const SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){65,4096}$/
const QUOTE = /^[0-9a-f]{32}$/
const IDENTIFIER = /^[A-Za-z0-9_-]{16,128}$/
/** A uint256 of the chain. */
const BEYOND = 2n ** 256n
const BEYOND_DIGITS = BEYOND.toString().length
/** Of JSON in a payment. It is written down and passed on, and what is nested without end can be read but not written. */
const MOST_LEVELS = 64

export interface Sent {
  readonly version: 1 | 2
  readonly header: string
}

/** Version 2 first: an official client that knows both sends one of them. */
export function sentWith(header: (name: string) => string | undefined): Sent | undefined {
  const v2 = header('payment-signature')
  if (v2 !== undefined) return { version: 2, header: v2 }
  const v1 = header('x-payment')
  return v1 === undefined ? undefined : { version: 1, header: v1 }
}

interface Authorization {
  readonly from: string
  readonly to: string
  readonly value: string
  readonly validAfter: string
  readonly validBefore: string
  readonly nonce: string
}

export type Shown = ReadPayment

const malformed = (what: string): Shown => ({ refusal: refuse('bad_request', `the payment header ${what}`) })
export const invalid = (what: string): { readonly refusal: Refusal } => ({ refusal: refuse('payment_invalid', `${what}; the payment was not used`) })
/** Terms change with a reload: it may have fitted those of before. */
const unfit = ({ header }: Sent, what: string): { readonly refusal: Refusal } => ({ refusal: { ...invalid(what).refusal, payment: sha256(header) } })

/** Written by hand: the schemas of @x402/core take four times as long as all else that is done with a payment here. */
function decoded({ version, header }: Sent): Record<string, unknown> | undefined {
  if (!BASE64.test(header)) return undefined
  try {
    const payment: unknown = JSON.parse(Buffer.from(header, 'base64').toString('utf8'))
    return isObject(payment) && payment.x402Version === version && hasForm(payment) && isShallow(payment, MOST_LEVELS) ? payment : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What the protocol says of the members that are not looked at more closely below (x402 v2 section 5, v1 section 5). */
function hasForm({ x402Version, payload, accepted, resource, extensions, scheme, network }: Record<string, unknown>): boolean {
  if (!isObject(payload)) return false
  if (x402Version === 1) return typeof scheme === 'string' && typeof network === 'string'
  const isOptional = (value: unknown): boolean => value === undefined || value === null || isObject(value)
  return (
    isObject(accepted) &&
    String(accepted.network).includes(':') &&
    (accepted.extra === undefined || accepted.extra === null || isObject(accepted.extra)) &&
    isOptional(resource) &&
    isOptional(extensions)
  )
}

function isShallow(value: object, levels: number): boolean {
  if (levels === 0) return false
  // What JSON.parse has made has no members but its own.
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name]
    if (typeof inner === 'object' && inner !== null && !isShallow(inner, levels - 1)) return false
  }
  return true
}

function authorizationOf(payload: unknown): Authorization | undefined {
  const { authorization, signature } = (payload ?? {}) as { authorization?: Partial<Record<keyof Authorization, unknown>>; signature?: unknown }
  if (typeof authorization !== 'object' || authorization === null || typeof signature !== 'string' || !SIGNATURE.test(signature)) return undefined
  const is = (name: keyof Authorization, form: RegExp): boolean => typeof authorization[name] === 'string' && form.test(authorization[name])
  const isUint = (name: keyof Authorization): boolean =>
    is(name, UINT) && ((authorization[name] as string).length < BEYOND_DIGITS || BigInt(authorization[name] as string) < BEYOND)
  const formed = is('from', ADDRESS) && is('to', ADDRESS) && is('nonce', WORD) && isUint('value') && isUint('validAfter') && isUint('validBefore')
  return formed ? (authorization as Authorization) : undefined
}

const isSame = (value: unknown, address: string): boolean => typeof value === 'string' && (value === address || value.toLowerCase() === address.toLowerCase())
const msOf = (seconds: string): EpochMs => Math.min(Number(seconds) * 1000, Number.MAX_SAFE_INTEGER) as EpochMs

export interface Reading {
  readonly offers: readonly Offer[]
  readonly terms: Terms
  /** For the requirements of version 1. */
  readonly resource: () => Resource
  readonly upfront: boolean
}

export function paymentIn(sent: Sent, { offers, terms, resource, upfront }: Reading): Shown {
  const payload = decoded(sent)
  if (payload === undefined) return malformed(`is not a base64 JSON payment of x402 version ${sent.version}`)
  const authorization = authorizationOf(payload.payload)
  if (authorization === undefined) return malformed('has no EIP-3009 authorization with a signature')
  const accepted = (sent.version === 2 ? payload.accepted : payload) as Partial<PaymentRequirements>
  const offer = offers.find(({ network, v1Name, asset }) =>
    sent.version === 1 ? v1Name === accepted.network : network === accepted.network && isSame(accepted.asset, asset),
  )
  if (offer === undefined || accepted.scheme !== 'exact') return unfit(sent, 'the payment is for another network, asset or scheme than offered')
  const { value } = authorization
  const quote = sent.version === 2 && typeof accepted.extra?.quote === 'string' && QUOTE.test(accepted.extra.quote) ? accepted.extra.quote : undefined
  const identifier = identifierOf(payload)
  const facts = {
    x402Version: sent.version,
    digest: sha256(sent.header),
    network: offer.network,
    asset: offer.asset.toLowerCase(),
    payer: authorization.from.toLowerCase(),
    nonce: authorization.nonce.toLowerCase(),
    amount: micros(BigInt(value), offer.decimals),
    validAfterMs: msOf(authorization.validAfter),
    validBeforeMs: msOf(authorization.validBefore),
    upfront,
    payload,
    requirements: sent.version === 2 ? requirements(offer, terms, value, quote) : requirementsV1(offer, terms, value, resource()),
  }
  const payment = new ShownPayment(facts, identifier, quote)
  const unlike = (what: string): Shown => ({ ...unfit(sent, what), former: payment })
  if (!isSame(authorization.to, terms.payTo)) return unlike('the payment goes to another address than offered')
  if (sent.version === 2 && (accepted.amount !== value || !isSame(accepted.payTo, terms.payTo))) return unlike('the payment does not repeat the offer')
  return { payment }
}

/** Only the identifier, by its form: the schema beside it comes from the client and is not compiled. */
function identifierOf(payload: Record<string, unknown>): string | undefined {
  const extensions = payload.extensions as Record<string, { info?: { id?: unknown } } | undefined> | undefined
  const id = extensions?.['payment-identifier']?.info?.id
  return typeof id === 'string' && IDENTIFIER.test(id) ? id : undefined
}
