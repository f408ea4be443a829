/**
 * Generations that were replaced. Each lasts until its calls are over, what it has quoted has run out, and no settlement is unknown that it may have to be
 * asked about; then its plugins are closed. A payment that was signed for its price, or its terms, is taken by it as long as it honours them: the call
 * belongs to it as a whole.
 */
import { type Clock, type EpochMs, isRefusal, type Log } from '#contract'
import { EngineCall } from './call.ts'
import type { Chain } from './chain.ts'
import type { Generation } from './generation.ts'
import { type Incoming, resolveBody, resolveTarget, type Target } from './resolve.ts'
import type { Serving } from './serving.ts'
import { quoteOf } from './unpaid.ts'

export interface FormerPorts {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Log
  /** Settlements that nobody knows, as they were last looked at. */
  unsettled(): number
  /** It is not needed any more. */
  readonly closed?: ((generation: Generation) => void) | undefined
}

interface Former {
  readonly serving: Serving
  readonly replacedAtMs: EpochMs
  readonly honouredUntilMs: number
}

/** A request, and what it asks for in a generation. */
export interface Asking {
  readonly incoming: Incoming
  readonly target: Target
  readonly body: Uint8Array
}

/** Longer than it takes until a settlement that has just become unknown is counted. */
const SETTLING_MS = 2_500
/** Where something else than time has to pass. */
const LOOK_EVERY_MS = 1_000

export class Formers {
  readonly #ports: FormerPorts
  /** Newest first. */
  #all: Former[] = []
  #timer: NodeJS.Timeout | undefined
  readonly #closing = new Set<Promise<void>>()
  /** Something that was quoted is still honoured. */
  honours = false

  constructor(ports: FormerPorts) {
    this.#ports = ports
  }

  /** Of all that are left, newest first. */
  get chains(): readonly Chain[] {
    return this.#all.flatMap(({ serving }) => serving.generation.chains)
  }

  /** Whose quotes hold, newest first. */
  get honoured(): readonly Serving[] {
    const nowMs = this.#ports.clock.nowMs()
    return this.#all.flatMap(({ serving, honouredUntilMs }) => (nowMs < honouredUntilMs ? [serving] : []))
  }

  get size(): number {
    return this.#all.length
  }

  /** It is replaced now. */
  add(serving: Serving): void {
    const replacedAtMs = this.#ports.clock.nowMs()
    this.#all.unshift({ serving, replacedAtMs, honouredUntilMs: replacedAtMs + serving.quoteTtlMs })
    this.look()
  }

  /** The generation that has quoted what this request pays, with what it asks for there; undefined: it is one for the present. */
  taking(present: Serving, asking: Asking): { readonly serving: Serving; readonly target: Target } | undefined {
    const { incoming, body } = asking
    for (const { serving, replacedAtMs } of this.#all) {
      const route = serving.generation.route(asking.target.route.prefix)
      const quotes = route?.chain.quotes
      if (quotes === undefined || this.#ports.clock.nowMs() >= replacedAtMs + quotes.ttlMs || !quotes.shown(incoming)) continue
      if (takes(present, asking)) return undefined
      const target = resolveTarget(serving.generation, incoming)
      if (!isRefusal(target) && takes(serving, { incoming, target, body })) return { serving, target }
    }
    return undefined
  }

  /** Those that nothing depends on any more are closed. */
  look(): void {
    clearTimeout(this.#timer)
    const nowMs = this.#ports.clock.nowMs()
    const unsettled = this.#ports.unsettled() > 0
    const lasts = ({ serving, replacedAtMs, honouredUntilMs }: Former): boolean =>
      serving.underWay > 0 || nowMs < honouredUntilMs || (serving.settles && (unsettled || nowMs < replacedAtMs + SETTLING_MS))
    const over = this.#all.filter((one) => !lasts(one))
    this.#all = this.#all.filter(lasts)
    this.honours = this.#all.some(({ honouredUntilMs }) => nowMs < honouredUntilMs)
    for (const { serving } of over) this.#close(serving)
    if (this.#all.length > 0) this.#timer = setTimeout(() => this.look(), LOOK_EVERY_MS).unref()
  }

  /** All of them, whatever they have; resolves when they are closed. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    for (const { serving } of this.#all.splice(0)) this.#close(serving)
    this.honours = false
    await Promise.all(this.#closing)
  }

  #close({ generation }: Serving): void {
    this.#ports.closed?.(generation)
    const closing = generation
      .close()
      .then(() => this.#ports.log.debug({ generation: generation.number }, 'a former configuration is not needed any more'))
      .catch((error: unknown) => this.#ports.log.error({ generation: generation.number, error: String(error) }, 'a former configuration could not be closed'))
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

/** Whether a payment is shown that this generation could read, and that is enough for what it would serve the call with. Facts may fail: then it does not. */
function takes({ generation, ports }: Serving, { incoming, target, body }: Asking): boolean {
  try {
    const request = resolveBody(target, incoming, body)
    if (isRefusal(request)) return false
    const call = new EngineCall(incoming, target, request, body, {
      generation: generation.number,
      config: generation.config,
      receivedAtMs: ports.clock.nowMs(),
      origin: '',
    })
    const { payment } = call
    if (payment === undefined || call.consumer.kind === 'owner' || call.consumer.kind === 'refused') return false
    const quote = quoteOf(call, ports.health)
    return quote !== undefined && !isRefusal(quote) && quote.price <= payment.amount
  } catch {
    return false
  }
}
