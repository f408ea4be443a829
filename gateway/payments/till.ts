/** Where x402 payments are taken on one set of terms: the offer, the check of a payment, the facilitators, and what became of it. */
import {
  type Chance,
  type Challenge,
  type Clock,
  type EpochMs,
  type Facilitator,
  type FacilitatorAnswer,
  type OnceClaim,
  type Payment,
  type Refusal,
  type Resource,
  refuse,
  type Settlement,
  type SignedIn,
  type Till,
  type TillSettings,
  type Usd,
} from '#contract'
import { NodeError, NodeRpc } from '../evm/rpc.ts'
import { challengeOf } from './challenge.ts'
import { type Authorized, fateOfAuthorization } from './fate.ts'
import { FacilitatorLine } from './line.ts'
import { type Offer, offerOf, type Terms } from './offers.ts'
import { notSettled, reasonOf, settled, settlementOf } from './settlement.ts'
import { ShownPayment } from './shown.ts'
import { SignIn } from './sign-in.ts'
import { invalid, paymentIn, type Sent, sentWith, type Shown } from './wire.ts'

/** A facilitator wants the authorization to outlive its own work by this (x402.md scheme exact, EVM). */
const SPARE_MS = 6_000
/** A nonce is remembered this much longer than it is valid: clocks differ. */
const NONCE_MARGIN_MS = 600_000
const VERIFY_WITHIN_MS = 10_000
const NODE_WITHIN_MS = 5_000

export interface TillPorts {
  readonly clock: Clock
  readonly chance: Chance
  readonly upstreamTimeoutMs: number
  /** Public URL of the gateway. */
  readonly origin: () => string
  facilitator(urlOrSandbox: string): Facilitator
}

const { requestOf } = ShownPayment

export class X402Till implements Till {
  readonly offers: readonly Offer[]
  readonly facilitators: readonly Facilitator[]
  readonly #settings: TillSettings
  readonly #ports: TillPorts
  readonly #terms: Terms
  readonly #line: FacilitatorLine
  readonly #signIn: SignIn
  readonly #leastLifeMs: number
  readonly #nodes = new Map<string, NodeRpc>()

  /** @throws Error with one sentence for the operator */
  constructor(settings: TillSettings, ports: TillPorts) {
    this.#settings = settings
    this.#ports = ports
    this.offers = settings.network.map((name) => offerOf(name, settings.asset))
    if (settings.rpc.length > this.offers.length)
      throw new Error(`x402-payment: rpc names ${settings.rpc.length} nodes for ${this.offers.length} networks; expected one each, in their order`)
    for (const [index, url] of settings.rpc.entries()) {
      this.#nodes.set((this.offers[index] as Offer).network, new NodeRpc(url, NODE_WITHIN_MS, 'x402-payment.rpc'))
    }
    this.facilitators = settings.facilitator.map((url) => ports.facilitator(url))
    this.#line = new FacilitatorLine(this.facilitators)
    const takesMs = ports.upstreamTimeoutMs + settings.settleTimeoutMs
    this.#terms = { payTo: settings.payTo, maxTimeoutSeconds: Math.ceil((takesMs + 30_000) / 1000) }
    this.#leastLifeMs = takesMs + SPARE_MS
    this.#signIn = new SignIn({
      ...{ clock: ports.clock, origin: ports.origin, hex: (bytes) => ports.chance.hex(bytes), networks: this.offers.map(({ network }) => network) },
      node: (network) => this.#nodes.get(network),
    })
  }

  /** Networks whose settlements can be looked up. */
  get nodes(): ReadonlyMap<string, NodeRpc> {
    return this.#nodes
  }

  challenge(resource: Resource, price: Usd, error: string): Challenge {
    const quote = resource.isSecret === true ? this.#ports.chance.hex(16) : undefined
    const signIn = this.#signIn.offer(resource.url)
    return challengeOf({ offers: this.offers, terms: this.#terms, price, error, resource, quote, signIn })
  }

  read(header: (name: string) => string | undefined, resource: () => Resource): Shown | undefined {
    const sent: Sent | undefined = sentWith(header)
    return sent === undefined ? undefined : paymentIn(sent, { offers: this.offers, terms: this.#terms, resource, upfront: this.#settings.upfront })
  }

  once({ network, asset, payer, nonce, validBeforeMs }: Payment): OnceClaim {
    return { kind: 'once', key: `${network}:${asset}:${payer}:${nonce}`, untilMs: (validBeforeMs + NONCE_MARGIN_MS) as EpochMs }
  }

  /** A payment that is about to expire buys nothing more. */
  #untimely({ validAfterMs, validBeforeMs }: Payment): Refusal | undefined {
    const now = this.#ports.clock.nowMs()
    if (validBeforeMs < now + this.#leastLifeMs) return invalid(`the payment must be valid for at least ${Math.ceil(this.#leastLifeMs / 1000)} s more`).refusal
    return validAfterMs > now ? invalid('the payment is not valid yet').refusal : undefined
  }

  verify(payment: Payment): Promise<Refusal | undefined> {
    const untimely = this.#untimely(payment)
    if (untimely !== undefined) return Promise.resolve(untimely)
    return this.#line.verify(requestOf(payment), VERIFY_WITHIN_MS).then((answer) => verdictOf(payment, answer))
  }

  settle(payment: Payment): Promise<Settlement> {
    return this.#line.settle(requestOf(payment), this.#settings.settleTimeoutMs).then((answer) => settlementOf(payment, answer))
  }

  /**
   * The chain first, where a node is named: it proves, a facilitator only says. That a repeated settle is refused proves
   * nothing: the first may have taken effect, or somebody else may have sent it.
   */
  async recover(payment: Payment, sinceMs: EpochMs): Promise<Settlement> {
    const proven = await this.#provenBy(payment, sinceMs)
    if (proven.state !== 'unknown') return proven
    const again = settlementOf(payment, await this.#line.again(requestOf(payment), this.#settings.settleTimeoutMs))
    return again.state === 'settled' ? again : { state: 'unknown', cause: again.state === 'unknown' ? again.cause : again.reason }
  }

  async #provenBy(payment: Payment, sinceMs: EpochMs): Promise<Settlement> {
    const node = this.#nodes.get(payment.network)
    const offer = this.offers.find(({ network }) => network === payment.network)
    if (node === undefined || offer === undefined) return { state: 'unknown', cause: 'no node is named for the network' }
    try {
      const fate = await fateOfAuthorization(node, authorizedBy(payment, offer.chainId), sinceMs)
      if (fate.state === 'settled') return settled(payment, fate.transaction)
      return fate.state === 'not_settled' ? notSettled(payment, fate.reason) : { state: 'unknown', cause: fate.because }
    } catch (cause) {
      if (cause instanceof NodeError) return { state: 'unknown', cause }
      throw cause
    }
  }

  knownSignIn(header: string): SignedIn | undefined {
    return this.#signIn.known(header)
  }

  signIn(header: string): Promise<SignedIn> {
    return this.#signIn.verify(header)
  }
}

function verdictOf(payment: Payment, answer: FacilitatorAnswer): Refusal | undefined {
  if (answer.kind === 'lost')
    return refuse('unavailable', 'no facilitator could verify the payment; it was not used', { cause: answer.cause, retryAfterSeconds: 5 })
  const { isValid, payer, invalidReason } = answer.body
  if (isValid === undefined)
    return refuse('unavailable', 'the facilitator gave no verdict on the payment; it was not used', {
      cause: { status: answer.status },
      retryAfterSeconds: 5,
    })
  if (isValid !== true) return refuse('payment_invalid', `the payment is not valid: ${reasonOf(invalidReason)}`)
  if (typeof payer === 'string' && payer.toLowerCase() !== payment.payer)
    return refuse('payment_invalid', 'the payment was signed by another wallet than it names')
  return undefined
}

/** As it was signed: the amount in the units of the token. */
function authorizedBy({ asset, payer, nonce, payload }: Payment, chainId: number): Authorized {
  const { authorization } = (payload as { readonly payload: { readonly authorization: { to: string; value: string; validBefore: string } } }).payload
  const { to, value, validBefore } = authorization
  return { chainId, asset, from: payer, to, value: BigInt(value), nonce, validBefore: BigInt(validBefore) }
}
