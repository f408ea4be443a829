/**
 * Payment by x402, scheme `exact` on EVM (EIP-3009): one 402 that both protocol versions read, verify before the call,
 * settle after it. Wire formats: x402 specification v2 sections 5 and 7, v1 section 5, HTTP transports v1 and v2.
 */
import { decodePaymentSignatureHeader, encodePaymentRequiredHeader, encodePaymentResponseHeader } from '@x402/core/http'
import { parsePaymentPayload } from '@x402/core/schemas'
import {
  type Call,
  type Challenge,
  chainIdOf,
  definePlugin,
  type EpochMs,
  type Facilitator,
  type FacilitatorAnswer,
  findNetwork,
  type Payment,
  type PaymentRequirements,
  type Refusal,
  refuse,
  type Settlement,
  sha256,
  type Usd,
} from '#contract'

/** What one network is offered with; the price is added call by call. */
interface Offer {
  readonly network: string
  readonly v1Name: string | undefined
  readonly asset: string
  readonly decimals: number
  readonly extra: { readonly name: string; readonly version: string }
}

interface Asset {
  readonly address: string
  readonly name: string
  readonly version: string
  readonly decimals: number
}

const ADDRESS = /^0x[0-9a-fA-F]{40}$/
/** 32 bytes: a nonce, or the id of a transaction. */
const WORD = /^0x[0-9a-fA-F]{64}$/
const UINT = /^(0|[1-9]\d{0,77})$/
const SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){65,4096}$/
/** A facilitator wants the authorization to outlive its own work by this (x402.md scheme exact, EVM). */
const SPARE_MS = 6_000
/** A nonce is remembered this much longer than it is valid: clocks differ. */
const NONCE_MARGIN_MS = 600_000
const VERIFY_WITHIN_MS = 10_000
/** A uint256 of the chain. */
const BEYOND = 2n ** 256n
/** Of JSON in a payment. It is written down and passed on, and what is nested without end can be read but not written. */
const MOST_LEVELS = 64

function offerOf(nameOrCaip2: string, asset: Asset | undefined): Offer {
  const network = findNetwork(nameOrCaip2)
  const caip2 = network?.caip2 ?? nameOrCaip2
  const token = asset ?? network?.usdc
  if (chainIdOf(caip2) === undefined) throw new Error(`x402-payment: network ${nameOrCaip2} is not known; expected a known name or eip155:<chain id>`)
  if (token === undefined) throw new Error(`x402-payment: no USDC is known on ${nameOrCaip2}; write asset: { address, name, version, decimals }`)
  return { network: caip2, v1Name: network?.v1Name, asset: token.address, decimals: token.decimals, extra: { name: token.name, version: token.version } }
}

const MICRO_DECIMALS = 6

/** Atomic units of the asset, rounded up where it is coarser than a micro-dollar. */
function atomic(price: Usd, decimals: number): bigint {
  if (decimals >= MICRO_DECIMALS) return price * 10n ** BigInt(decimals - MICRO_DECIMALS)
  const coarse = 10n ** BigInt(MICRO_DECIMALS - decimals)
  return (price + coarse - 1n) / coarse
}

function micros(amount: bigint, decimals: number): Usd {
  if (decimals >= MICRO_DECIMALS) return (amount / 10n ** BigInt(decimals - MICRO_DECIMALS)) as Usd
  return (amount * 10n ** BigInt(MICRO_DECIMALS - decimals)) as Usd
}

interface Authorization {
  readonly from: string
  readonly to: string
  readonly value: string
  readonly validAfter: string
  readonly validBefore: string
  readonly nonce: string
}

interface Sent {
  readonly version: 1 | 2
  readonly header: string
}

type Shown = { readonly payment: Payment; readonly validAfterMs: number } | { readonly refusal: Refusal } | undefined

const malformed = (what: string): { refusal: Refusal } => ({ refusal: refuse('bad_request', `the payment header ${what}`) })
const invalid = (what: string): { refusal: Refusal } => ({ refusal: refuse('payment_invalid', `${what}; the payment was not used`) })

/** Version 2 first: an official client that knows both sends one of them. */
function sentWith(call: Call): Sent | undefined {
  const v2 = call.header('payment-signature')
  if (v2 !== undefined) return { version: 2, header: v2 }
  const v1 = call.header('x-payment')
  return v1 === undefined ? undefined : { version: 1, header: v1 }
}

function decoded(sent: Sent): Record<string, unknown> | undefined {
  try {
    const found = parsePaymentPayload(decodePaymentSignatureHeader(sent.header))
    if (!found.success || found.data.x402Version !== sent.version || !isShallow(found.data, MOST_LEVELS)) return undefined
    return found.data as unknown as Record<string, unknown>
  } catch {
    return undefined
  }
}

const isShallow = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' || value === null || (levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1)))

function authorizationOf(payload: unknown): { authorization: Authorization; signature: string } | undefined {
  const { authorization, signature } = (payload ?? {}) as { authorization?: Partial<Record<keyof Authorization, unknown>>; signature?: unknown }
  if (typeof authorization !== 'object' || authorization === null || typeof signature !== 'string' || !SIGNATURE.test(signature)) return undefined
  const is = (name: keyof Authorization, form: RegExp): boolean => typeof authorization[name] === 'string' && form.test(authorization[name])
  const isUint = (name: keyof Authorization): boolean => is(name, UINT) && BigInt(authorization[name] as string) < BEYOND
  const formed = is('from', ADDRESS) && is('to', ADDRESS) && is('nonce', WORD) && isUint('value') && isUint('validAfter') && isUint('validBefore')
  return formed ? { authorization: authorization as Authorization, signature } : undefined
}

export default definePlugin({
  name: 'x402-payment',
  describe: 'Payment call by call with x402, without an account',
  needs: ['consumer', 'price'],
  gives: { payment: [], challenge: [] },
  settings: {
    network: { type: 'strings', default: 'base-sepolia', describe: 'Known names or CAIP-2; a list offers several' },
    facilitator: { type: 'strings', default: 'sandbox', describe: 'sandbox (inside the process), or URLs in the order in which they are asked' },
    pay_to: { type: 'address', describe: 'Where payments go' },
    asset: {
      type: 'group',
      optional: true,
      describe: "The token, where it is not the network's own USDC",
      of: {
        address: { type: 'address', describe: 'Contract of the token' },
        name: { type: 'string', describe: 'Name in its EIP-712 domain' },
        version: { type: 'string', default: '2', describe: 'Version in its EIP-712 domain' },
        decimals: { type: 'integer', minimum: 0, maximum: 36, default: 6, describe: 'Decimals of the token' },
      },
    },
    rpc: { type: 'string', optional: true, describe: 'JSON-RPC of the network, to find out what became of a settlement' },
    quote_ttl: { type: 'duration', default: '60s', describe: 'How long a quoted price is honoured after the configuration has changed' },
    settle_timeout: { type: 'duration', default: '30s', describe: 'How long a settlement may take before its outcome counts as unknown' },
    order: { type: 'choice', of: ['authorization', 'upfront'], default: 'authorization', describe: 'Settled after the call, or before it' },
  },
  create: (settings, ports) => {
    if (settings.order === 'upfront') throw new Error('x402-payment: order upfront is not built yet; expected authorization')
    const offers = settings.network.map((name) => offerOf(name, settings.asset))
    const facilitators = settings.facilitator.map((url) => ports.facilitator(url))
    const maxTimeoutSeconds = Math.ceil((ports.upstreamTimeoutMs + settings.settle_timeout + 30_000) / 1000)
    const leastLifeMs = ports.upstreamTimeoutMs + settings.settle_timeout + SPARE_MS

    const requirements = (offer: Offer, amount: string): PaymentRequirements => ({
      scheme: 'exact',
      network: offer.network,
      asset: offer.asset,
      amount,
      payTo: settings.pay_to,
      maxTimeoutSeconds,
      extra: offer.extra,
    })
    const requirementsV1 = (offer: Offer, amount: string, call: Call): Record<string, unknown> => ({
      scheme: 'exact',
      network: offer.v1Name,
      maxAmountRequired: amount,
      asset: offer.asset,
      payTo: settings.pay_to,
      resource: call.resource,
      description: call.operation.description ?? `${call.adapter.title}: ${call.operation.id}`,
      mimeType: 'application/json',
      maxTimeoutSeconds,
      extra: offer.extra,
    })

    const challenge = (call: Call, price: Usd, error: string): Challenge => {
      const description = call.operation.description ?? `${call.adapter.title}: ${call.operation.id}`
      const accepts = offers.map((offer) => requirements(offer, atomic(price, offer.decimals).toString()))
      const required = { x402Version: 2, error, resource: { url: call.resource, description, mimeType: 'application/json' }, accepts }
      const v1 = offers.filter(({ v1Name }) => v1Name !== undefined).map((offer) => requirementsV1(offer, atomic(price, offer.decimals).toString(), call))
      return {
        headers: { 'payment-required': encodePaymentRequiredHeader(required as Parameters<typeof encodePaymentRequiredHeader>[0]) },
        members: { x402Version: 1, error, accepts: v1 },
      }
    }

    /** Refused here is what a facilitator would refuse anyway: it is not asked, and learns nothing. */
    const read = (call: Call, sent: Sent): Shown => {
      const payload = decoded(sent)
      if (payload === undefined) return malformed(`is not a base64 JSON payment of x402 version ${sent.version}`)
      const signed = authorizationOf(payload.payload)
      if (signed === undefined) return malformed('has no EIP-3009 authorization with a signature')
      const { authorization } = signed
      const accepted = (sent.version === 2 ? payload.accepted : payload) as Partial<PaymentRequirements>
      const offer = offers.find(({ network, v1Name, asset }) =>
        sent.version === 1 ? v1Name === accepted.network : network === accepted.network && asset.toLowerCase() === String(accepted.asset).toLowerCase(),
      )
      if (offer === undefined || accepted.scheme !== 'exact') return invalid('the payment is for another network, asset or scheme than offered')
      if (authorization.to.toLowerCase() !== settings.pay_to.toLowerCase()) return invalid('the payment goes to another address than offered')
      if (sent.version === 2 && (accepted.amount !== authorization.value || String(accepted.payTo).toLowerCase() !== settings.pay_to.toLowerCase())) {
        return invalid('the payment does not repeat the offer')
      }
      const validBeforeMs = Number(authorization.validBefore) * 1000
      const identifier = identifierOf(payload)
      const payment: Payment = {
        x402Version: sent.version,
        digest: sha256(sent.header),
        network: offer.network,
        asset: offer.asset.toLowerCase(),
        payer: authorization.from.toLowerCase(),
        nonce: authorization.nonce.toLowerCase(),
        amount: micros(BigInt(authorization.value), offer.decimals),
        validBeforeMs: Math.min(validBeforeMs, Number.MAX_SAFE_INTEGER) as EpochMs,
        payload,
        requirements: sent.version === 2 ? requirements(offer, authorization.value) : requirementsV1(offer, authorization.value, call),
        ...(identifier === undefined ? {} : { identifier }),
      }
      return { payment, validAfterMs: Number(authorization.validAfter) * 1000 }
    }

    /**
     * Asked only when the reservation stands: a payment that is about to expire buys nothing more, but what it has bought,
     * or may have bought, is looked up before.
     */
    const untimely = (call: Call): Refusal | undefined => {
      const found = show(call)
      if (found === undefined || 'refusal' in found) return found?.refusal
      const now = ports.clock.nowMs()
      if (found.payment.validBeforeMs < now + leastLifeMs)
        return invalid(`the payment must be valid for at least ${Math.ceil(leastLifeMs / 1000)} s more`).refusal
      return found.validAfterMs > now ? invalid('the payment is not valid yet').refusal : undefined
    }

    const shown = new WeakMap<Call, Exclude<Shown, undefined>>()
    const show = (call: Call): Shown => {
      const sent = sentWith(call)
      if (sent === undefined) return undefined
      const found = shown.get(call) ?? (read(call, sent) as Exclude<Shown, undefined>)
      shown.set(call, found)
      return found
    }

    /** In order, going on only where the one before certainly did nothing. */
    const ask = async (step: 'verify' | 'settle', payment: Payment, deadlineMs: number): Promise<FacilitatorAnswer> => {
      const request = { x402Version: payment.x402Version, paymentPayload: payment.payload, paymentRequirements: payment.requirements }
      let answer: FacilitatorAnswer = { kind: 'lost', sent: false, cause: new Error('no facilitator is configured') }
      for (const facilitator of facilitators as readonly Facilitator[]) {
        answer = await facilitator[step](request, deadlineMs)
        if (answer.kind === 'answer' || (step === 'settle' && answer.sent)) return answer
      }
      return answer
    }

    return {
      facts: {
        payment: (call) => {
          const found = show(call)
          return found !== undefined && 'payment' in found ? found.payment : undefined
        },
        challenge: (call) => (price, error) => challenge(call, price, error),
      },
      admit: (call) => {
        if (call.consumer.kind === 'owner' || call.consumer.kind === 'refused') return undefined
        const found = show(call)
        if (found === undefined) return undefined
        if ('refusal' in found) return found.refusal
        const { network, asset, payer, nonce, validBeforeMs } = found.payment
        return [{ kind: 'once', key: `${network}:${asset}:${payer}:${nonce}`, untilMs: (validBeforeMs + NONCE_MARGIN_MS) as EpochMs }]
      },
      authorize: async (call) => {
        const { payment } = call
        if (payment === undefined) return undefined
        const refusal = untimely(call)
        if (refusal !== undefined) return refusal
        const answer = await ask('verify', payment, VERIFY_WITHIN_MS)
        if (answer.kind === 'lost')
          return refuse('unavailable', 'no facilitator could verify the payment; it was not used', { cause: answer.cause, retryAfterSeconds: 5 })
        const { isValid, payer } = answer.body
        if (isValid === undefined)
          return refuse('unavailable', 'the facilitator gave no verdict on the payment; it was not used', {
            cause: { status: answer.status },
            retryAfterSeconds: 5,
          })
        if (isValid !== true) return refuse('payment_invalid', `the payment is not valid: ${reasonOf(answer.body.invalidReason)}`)
        if (typeof payer === 'string' && payer.toLowerCase() !== payment.payer)
          return refuse('payment_invalid', 'the payment was signed by another wallet than it names')
        return undefined
      },
      settle: async (payment) => settlementOf(payment, await ask('settle', payment, settings.settle_timeout)),
    }
  },
})

/** Only the identifier, by its form: the schema beside it comes from the client and is not compiled. */
function identifierOf(payload: Record<string, unknown>): string | undefined {
  const extensions = payload.extensions as Record<string, { info?: { id?: unknown } } | undefined> | undefined
  const id = extensions?.['payment-identifier']?.info?.id
  return typeof id === 'string' && /^[A-Za-z0-9_-]{16,128}$/.test(id) ? id : undefined
}

/** A reason is a word of the protocol; free text may hold the facilitator's internals and stays here. */
const reasonOf = (reason: unknown): string => (typeof reason === 'string' && /^[a-z0-9_]{1,80}$/.test(reason) ? reason : 'refused by the facilitator')

const isHash = (transaction: unknown): transaction is string => typeof transaction === 'string' && WORD.test(transaction)

/** The boolean decides, not the status; what proves nothing is unknown. */
function settlementOf(payment: Payment, answer: FacilitatorAnswer): Settlement {
  if (answer.kind === 'lost') return { state: 'unknown', cause: answer.cause }
  const { success, transaction, payer, errorReason } = answer.body
  const network = (payment.requirements as { network: string }).network
  const name = payment.x402Version === 2 ? 'payment-response' : 'x-payment-response'
  const encode = (body: Record<string, unknown>): Record<string, string> => ({
    [name]: encodePaymentResponseHeader(body as Parameters<typeof encodePaymentResponseHeader>[0]),
  })
  if (success === true) {
    if (typeof payer === 'string' && payer.toLowerCase() !== payment.payer) return { state: 'unknown', cause: 'the facilitator settled for another payer' }
    const id = isHash(transaction) ? transaction : ''
    return { state: 'settled', transaction: id, headers: encode({ success: true, transaction: id, network, payer: payment.payer }) }
  }
  const reason = reasonOf(errorReason)
  // A used nonce may have been used for this very payment, by anybody who saw it; pending is not an end; and a facilitator
  // whose node failed it while sending, so that it names no transaction, does not know itself what became of it.
  const unproven = /pending|nonce_already_used/.test(reason) || (/transaction_failed|transaction_state|unexpected/.test(reason) && !isHash(transaction))
  if (success !== false || answer.status >= 500 || unproven) return { state: 'unknown', cause: { status: answer.status, reason } }
  return { state: 'not_settled', reason, headers: encode({ success: false, errorReason: reason, transaction: '', network, payer: payment.payer }) }
}
