/** A recorded call as the chain sees it. What was in its request is not recorded, and not there. */
import type { Call, Challenge, Clock, Connection, Consumer, EpochMs, Operation, OperationRequest, Payment, Price, Supply, Usd } from '#contract'
import type { Route } from '../../config/model.ts'
import type { Chain } from '../engine/chain.ts'

export interface PlayedParts {
  /** Stands still when it was received. */
  readonly clock: Clock
  readonly route: Route
  readonly chain: Chain
  readonly operation: Operation
  readonly pool: readonly Connection[]
  readonly consumer: Consumer
  readonly payment: Payment | undefined
}

const NO_REQUEST: OperationRequest = { params: {}, query: {}, queryAll: new Map(), body: undefined }
const NO_BODY = new Uint8Array()

export class PlayedCall implements Call {
  readonly api: string
  readonly operation: Operation
  readonly pool: readonly Connection[]
  readonly consumer: Consumer
  readonly payment: Payment | undefined
  readonly #clock: Clock
  readonly #route: Route
  readonly #chain: Chain
  #supply: Supply | undefined
  #price: Price | undefined

  constructor({ clock, route, chain, operation, pool, consumer, payment }: PlayedParts) {
    this.api = route.api
    this.operation = operation
    this.pool = pool
    this.consumer = consumer
    this.payment = payment
    this.#clock = clock
    this.#route = route
    this.#chain = chain
  }

  get receivedAtMs(): EpochMs {
    return this.#clock.nowMs()
  }

  get method(): string {
    return this.operation.method
  }

  get adapter(): Call['adapter'] {
    return this.#route.adapter
  }

  get supply(): Supply {
    this.#supply ??= this.#chain.give('supply', this) as Supply
    return this.#supply
  }

  get price(): Price {
    this.#price ??= this.#chain.give('price', this) as Price
    return this.#price
  }

  get challenge(): (price: Usd, error: string) => Challenge {
    throw new Error('a recorded call is offered nothing')
  }

  fact(name: string): unknown {
    return this.#chain.give(name, this)
  }

  // What was in the request. Members of all calls at once: there are as many calls as a month has.

  get id(): string {
    return ''
  }

  get generation(): number {
    return 0
  }

  get address(): string {
    return ''
  }

  get loopback(): boolean {
    return true
  }

  get target(): string {
    return ''
  }

  get upstreamPath(): string {
    return ''
  }

  get upstreamQuery(): string {
    return ''
  }

  get resource(): string {
    return ''
  }

  get body(): Uint8Array {
    return NO_BODY
  }

  get request(): OperationRequest {
    return NO_REQUEST
  }

  get maxPrice(): undefined {
    return undefined
  }

  get idempotencyKey(): undefined {
    return undefined
  }

  get signedIn(): undefined {
    return undefined
  }

  header(): undefined {
    return undefined
  }
}
