/**
 * The 402 that both versions read: v2 in a header, v1 as members of the body. Intermediaries refuse long headers, so it stays
 * below 4 kB: what helps to discover goes first, then networks beyond three; never what makes a retry safe.
 */
import type { Challenge, Resource, Usd } from '#contract'
import { atomic, type Offer, requirements, requirementsV1, type Terms } from './offers.ts'

const MOST_BYTES = 4_000
const MOST_NETWORKS = 3

/** Extension payment-identifier: the client may name its payment, so that it is the same call when it comes again. */
const PAYMENT_IDENTIFIER = {
  info: { required: false },
  schema: {
    type: 'object',
    properties: { required: { type: 'boolean' }, id: { type: 'string', minLength: 16, maxLength: 128, pattern: '^[A-Za-z0-9_-]+$' } },
    required: ['required'],
  },
}

export interface Challenging {
  readonly offers: readonly Offer[]
  readonly terms: Terms
  readonly price: Usd
  readonly error: string
  readonly resource: Resource
  /** Where the resource is bought once: repeated by the payment. */
  readonly quote: string | undefined
  readonly signIn: Record<string, unknown> | undefined
}

interface Parts {
  readonly discovery: boolean
  readonly networks: number
  readonly signIn: boolean
}

/** Whole first; then with less and less. */
const SMALLER: readonly Parts[] = [
  { discovery: true, networks: Number.POSITIVE_INFINITY, signIn: true },
  { discovery: false, networks: Number.POSITIVE_INFINITY, signIn: true },
  { discovery: false, networks: MOST_NETWORKS, signIn: true },
  { discovery: false, networks: MOST_NETWORKS, signIn: false },
]

export function challengeOf(asked: Challenging): Challenge {
  const { offers, terms, price, error, resource } = asked
  let header = ''
  for (const parts of SMALLER) {
    header = encoded(asked, parts)
    if (header.length <= MOST_BYTES) break
  }
  const accepts = offers
    .filter(({ v1Name }) => v1Name !== undefined)
    .map((offer) => requirementsV1(offer, terms, atomic(price, offer.decimals).toString(), resource))
  return { headers: { 'payment-required': header }, members: { x402Version: 1, error, accepts } }
}

function encoded({ offers, terms, price, error, resource, quote, signIn }: Challenging, parts: Parts): string {
  const accepts = offers.slice(0, parts.networks).map((offer) => requirements(offer, terms, atomic(price, offer.decimals).toString(), quote))
  const extensions = {
    'payment-identifier': PAYMENT_IDENTIFIER,
    ...(parts.signIn && signIn !== undefined ? { 'sign-in-with-x': signIn } : {}),
    ...(parts.discovery && resource.discovery !== undefined ? { bazaar: resource.discovery } : {}),
  }
  const { url, description } = resource
  const required = { x402Version: 2, error, resource: { url, description, mimeType: 'application/json' }, accepts, extensions }
  return Buffer.from(JSON.stringify(required), 'utf8').toString('base64')
}
