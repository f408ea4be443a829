/** The one object that travels the street. Facts are computed by their giver when first asked, once. */
import {
  type Adapter,
  type Call,
  type Challenge,
  type Consumer,
  type EpochMs,
  type Operation,
  type OperationRequest,
  type Payment,
  type Price,
  type SignedIn,
  type Supply,
  sha256Of,
  type Usd,
} from '#contract'
import type { Chain } from './chain.ts'
import type { Incoming, Target } from './resolve.ts'

export class EngineCall implements Call {
  readonly id: string
  readonly generation: number
  readonly config: string
  readonly receivedAtMs: EpochMs
  readonly address: string
  readonly loopback: boolean
  readonly method: string
  readonly target: string
  readonly upstreamPath: string
  readonly upstreamQuery: string
  readonly body: Uint8Array
  readonly adapter: Adapter
  readonly api: string
  readonly operation: Operation
  readonly request: OperationRequest
  readonly maxPrice: Usd | undefined
  readonly idempotencyKey: string | undefined
  readonly pool: Target['entry']['connections']
  readonly incoming: Incoming
  readonly chain: Chain
  readonly #origin: string
  #consumer: Consumer | undefined
  #payment: Payment | undefined
  #paymentAsked = false
  #supply: Supply | undefined
  #price: Price | undefined
  #digest: string | undefined
  #others: Map<string, unknown> | undefined

  constructor(
    incoming: Incoming,
    target: Target,
    request: OperationRequest,
    body: Uint8Array,
    at: { generation: number; config: string; receivedAtMs: EpochMs; origin: string },
  ) {
    this.id = incoming.id
    this.generation = at.generation
    this.config = at.config
    this.receivedAtMs = at.receivedAtMs
    this.address = incoming.address
    this.loopback = incoming.loopback
    this.method = incoming.method
    this.target = target.target
    this.upstreamPath = target.upstreamPath
    this.upstreamQuery = target.upstreamQuery
    this.body = body
    this.adapter = target.route.adapter
    this.api = target.route.api
    this.operation = target.entry.operation
    this.request = request
    this.maxPrice = target.maxPrice
    this.idempotencyKey = target.idempotencyKey
    this.pool = target.entry.connections
    this.incoming = incoming
    this.chain = target.route.chain
    this.#origin = at.origin
  }

  get resource(): string {
    return this.#origin + this.target
  }

  get consumer(): Consumer {
    this.#consumer ??= this.chain.give('consumer', this) as Consumer
    return this.#consumer
  }

  get payment(): Payment | undefined {
    if (!this.#paymentAsked) {
      this.#payment = this.chain.gives('payment') ? (this.chain.give('payment', this) as Payment | undefined) : undefined
      this.#paymentAsked = true
    }
    return this.#payment
  }

  get signedIn(): SignedIn | undefined {
    return this.chain.gives('signedIn') ? (this.chain.give('signedIn', this) as SignedIn | undefined) : undefined
  }

  get supply(): Supply {
    this.#supply ??= this.chain.give('supply', this) as Supply
    return this.#supply
  }

  get price(): Price {
    this.#price ??= this.chain.give('price', this) as Price
    return this.#price
  }

  get challenge(): (price: Usd, error: string) => Challenge {
    return this.chain.give('challenge', this) as (price: Usd, error: string) => Challenge
  }

  /** SHA-256 of method, normalised target and body: what makes two calls the same. */
  get digest(): string {
    this.#digest ??= sha256Of(`${this.method} ${this.target}\n`, this.body)
    return this.#digest
  }

  header(name: string): string | undefined {
    return this.incoming.header(name)
  }

  fact(name: string): unknown {
    this.#others ??= new Map()
    if (!this.#others.has(name)) this.#others.set(name, this.chain.give(name, this))
    return this.#others.get(name)
  }
}
