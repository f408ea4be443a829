/** The chain of one route: plugins in the order of the YAML, with who gives which fact. */
import {
  type Alternative,
  type Call,
  type Claim,
  type EpochMs,
  type Hooks,
  isRefusal,
  type KeptAnswer,
  type Log,
  type Outcome,
  type Payment,
  type Plugin,
  type PluginPorts,
  type Quotes,
  type Refusal,
  refusals,
  type Settlement,
  type UncalledRequest,
} from '#contract'
import { describe } from './describe.ts'
import { failed, HookError } from './hook-error.ts'

export interface Link {
  readonly name: string
  readonly plugin: Plugin
  /** Finished values, as the configuration decoded them. */
  readonly settings: Readonly<Record<string, unknown>>
}

interface Live {
  readonly name: string
  readonly hooks: Hooks
}

/** A hook that is asynchronous against its type would be waited for by nobody; its failure must not end the process. */
function synchronous<T>(answer: T): T {
  if (!(answer instanceof Promise)) return answer
  answer.catch(() => undefined)
  throw new TypeError('a hook that must be synchronous returned a promise')
}

/** Plugins may be written without types: what is no refusal of the table lets nothing through. */
function known(refusal: Refusal): Refusal {
  if (isRefusal(refusal) && Object.hasOwn(refusals, refusal.code)) return refusal
  throw new TypeError('a hook answered with something that is no refusal')
}

const SETTLEMENTS: ReadonlySet<unknown> = new Set<Settlement['state']>(['settled', 'not_settled', 'unknown'])

export class Chain {
  /** Undefined where no plugin of the chain offers anything that is paid later. */
  readonly quotes: Quotes | undefined
  readonly #links: readonly Live[]
  readonly #givers = new Map<string, (call: Call) => unknown>()
  readonly #log: Log
  readonly #preparers: readonly Live[]
  readonly #authorizers: readonly Live[]
  readonly #observers: readonly Live[]
  readonly #keeper: Live | undefined
  readonly #hearers: readonly Live[]

  private constructor(links: readonly Live[], log: Log) {
    this.#links = links
    this.#log = log
    this.#authorizers = links.filter(({ hooks }) => hooks.authorize !== undefined)
    this.#preparers = links.filter(({ hooks }) => hooks.prepare !== undefined)
    this.#observers = links.filter(({ hooks }) => hooks.observe !== undefined)
    this.quotes = links.find(({ hooks }) => hooks.quotes !== undefined)?.hooks.quotes
    this.#keeper = links.find(({ hooks }) => hooks.answer !== undefined)
    this.#hearers = links.filter(({ hooks }) => hooks.answered !== undefined)
    for (const { hooks } of links) for (const [fact, giver] of Object.entries(hooks.facts ?? {})) if (giver !== undefined) this.#givers.set(fact, giver)
  }

  /** @throws what a plugin's `create` throws, after closing those made before */
  static async create(links: readonly Link[], ports: PluginPorts): Promise<Chain> {
    const live: Live[] = []
    try {
      for (const { name, plugin, settings } of links) live.push({ name, hooks: plugin.create(settings as never, ports) })
    } catch (error) {
      await new Chain(live, ports.log).close()
      throw error
    }
    return new Chain(live, ports.log)
  }

  gives(fact: string): boolean {
    return this.#givers.has(fact)
  }

  give(fact: string, call: Call): unknown {
    const giver = this.#givers.get(fact)
    if (giver === undefined) throw new Error(`nobody gives ${fact}`)
    return giver(call)
  }

  /** Claims of the whole chain in its order, or the first refusal. A hook that throws refuses. */
  admit(call: Call): Claim[] | Refusal {
    const claims: Claim[] = []
    for (const { name, hooks } of this.#links) {
      if (hooks.admit === undefined) continue
      try {
        const answer = synchronous(hooks.admit(call))
        if (answer === undefined) continue
        if (isRefusal(answer)) return known(answer)
        for (const claim of answer) claims.push(claim)
      } catch (error) {
        return failed(name, error)
      }
    }
    return claims
  }

  /** Resolves when every plugin that had to ask has its answer; undefined: nobody had to. */
  prepare(call: Call): undefined | Promise<void> {
    const waits: Promise<void>[] = []
    for (const { hooks } of this.#preparers) {
      const wait = hooks.prepare?.(call)
      if (wait !== undefined) waits.push(wait)
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
  }

  async authorize(call: Call): Promise<Refusal | undefined> {
    for (const { name, hooks } of this.#authorizers) {
      try {
        const refusal = await hooks.authorize?.(call)
        if (refusal !== undefined) return known(refusal)
      } catch (error) {
        return failed(name, error)
      }
    }
    return undefined
  }

  /** Somebody may have answers, or wants to hear of them. */
  get keeps(): boolean {
    return this.#keeper !== undefined || this.#hearers.length > 0
  }

  /** Of the first plugin that keeps any. @throws HookError, or rejects with it, where that fails: the call is refused */
  answer(call: Call, chosen: Alternative): undefined | KeptAnswer | Promise<KeptAnswer | undefined> {
    const keeper = this.#keeper
    if (keeper === undefined) return undefined
    try {
      const answer = keeper.hooks.answer?.(call, chosen)
      if (!(answer instanceof Promise)) return answer
      return answer.catch((error) => {
        throw new HookError(failed(keeper.name, error))
      })
    } catch (error) {
      throw new HookError(failed(keeper.name, error))
    }
  }

  answered(call: Call, chosen: Alternative, answer: KeptAnswer): void {
    for (const { name, hooks } of this.#hearers) {
      try {
        synchronous(hooks.answered?.(call, chosen, answer))
      } catch (error) {
        this.#log.error({ plugin: name, error: describe(error) }, 'a plugin failed to hear of an answer')
      }
    }
  }

  /** The plugin that settles: the one that gave the payment. What it throws is an outcome that nobody knows. */
  async settle(payment: Payment): Promise<Settlement> {
    const settler = this.#links.find(({ hooks }) => hooks.settle !== undefined)
    if (settler?.hooks.settle === undefined) return { state: 'unknown', cause: 'no plugin of the chain settles payments' }
    try {
      const settlement = await settler.hooks.settle(payment)
      return SETTLEMENTS.has(settlement?.state) ? settlement : { state: 'unknown', cause: { plugin: settler.name, answered: settlement } }
    } catch (cause) {
      return { state: 'unknown', cause }
    }
  }

  /** What became of a settlement that is unknown, by the plugin that recovers settlements. */
  async recover(payment: Payment, sinceMs: EpochMs): Promise<Settlement> {
    const recoverer = this.#links.find(({ hooks }) => hooks.recover !== undefined)
    if (recoverer?.hooks.recover === undefined) return { state: 'unknown', cause: 'no plugin of the chain recovers settlements' }
    try {
      const settlement = await recoverer.hooks.recover(payment, sinceMs)
      return SETTLEMENTS.has(settlement?.state) ? settlement : { state: 'unknown', cause: { plugin: recoverer.name, answered: settlement } }
    } catch (cause) {
      return { state: 'unknown', cause }
    }
  }

  get settles(): boolean {
    return this.#links.some(({ hooks }) => hooks.settle !== undefined)
  }

  /** Undefined where no plugin of the chain speaks to browsers. */
  cors(request: { readonly origin: string; readonly preflight: boolean }): readonly string[] | undefined {
    const speaker = this.#links.find(({ hooks }) => hooks.cors !== undefined)
    return speaker?.hooks.cors?.(request)
  }

  observe(call: Call, outcome: Outcome): void {
    for (const { name, hooks } of this.#observers) {
      try {
        synchronous(hooks.observe?.(call, outcome))
      } catch (error) {
        this.#log.error({ plugin: name, error: describe(error) }, 'a plugin failed to observe a call')
      }
    }
  }

  /** `told`: plugins that heard of it in another chain. A plugin counts a request once, however many routes there are. */
  observeRefused(request: UncalledRequest, refusal: Refusal, told: Set<string>): void {
    for (const { name, hooks } of this.#links) {
      if (hooks.observeRefused === undefined || told.has(name)) continue
      told.add(name)
      try {
        synchronous(hooks.observeRefused(request, refusal))
      } catch (error) {
        this.#log.error({ plugin: name, error: describe(error) }, 'a plugin failed to observe a refusal')
      }
    }
  }

  /** The first refusal of what is no call. A hook that throws refuses. */
  turnAway(request: UncalledRequest): Refusal | undefined {
    for (const { name, hooks } of this.#links) {
      try {
        const refusal = synchronous(hooks.turnAway?.(request))
        if (refusal !== undefined) return known(refusal)
      } catch (error) {
        return failed(name, error)
      }
    }
    return undefined
  }

  async close(): Promise<void> {
    for (const { name, hooks } of this.#links) {
      try {
        await hooks.close?.()
      } catch (error) {
        this.#log.error({ plugin: name, error: describe(error) }, 'a plugin failed to close')
      }
    }
  }
}
