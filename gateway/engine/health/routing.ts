/** Which of the alternatives may be asked now, and what is said where none may. */
import { type Alternative, type Call, isRefusal, type Refusal, refuse } from '#contract'
import type { Standing, Unfit } from './standing.ts'

export interface Sights {
  readonly ms: number
  readonly ns: number
  standing(connection: string): Standing | undefined
  /** On sale, with units left, as far as is known here. */
  has(alternative: Alternative): boolean
}

/**
 * Those that are fit, in their order; where there is none, those that are only less reliable. What could serve at once goes
 * before what would have to wait, at no higher price. A refusal where something has units and nothing is fit.
 */
export function fitOf(call: Call, alternatives: readonly Alternative[], sights: Sights): readonly Alternative[] | Refusal {
  const { operation, consumer } = call
  const able = alternatives.filter((one) => sights.has(one))
  // Nothing to choose from: the store says why.
  if (able.length === 0) return alternatives
  const unfit = new Map<Alternative, Unfit>()
  for (const one of able) {
    const why = sights.standing(one.connection)?.unfit(operation, consumer.id, sights)
    if (why !== undefined) unfit.set(one, why)
  }
  const fit = able.filter((one) => !unfit.has(one))
  if (fit.length > 0) return unhurried(call, fit, sights)
  const soft = able.filter((one) => unfit.get(one)?.soft === true)
  return soft.length > 0 ? soft : refusalOf([...unfit.values()], sights.ms)
}

function unhurried({ operation }: Call, fit: readonly Alternative[], { ns, standing }: Sights): readonly Alternative[] {
  const waits = (one: Alternative): boolean => {
    const found = standing(one.connection)
    return found !== undefined && found.lane(operation).waitNs(ns) > 0
  }
  const first = fit.find((one) => !waits(one))
  return first === undefined ? fit : fit.filter((one) => one.price !== first.price || !waits(one))
}

/** An owner's own call always goes: it is free, and tells him how his subscription stands. Fit ones first. */
export function ownersOf(call: Call, alternatives: readonly Alternative[], { standing, ...now }: Sights): readonly Alternative[] {
  const fit = alternatives.filter(({ connection }) => standing(connection)?.unfit(call.operation, call.consumer.id, now) === undefined)
  return fit.length > 0 ? fit : alternatives
}

/** What is on offer: short outages are overlooked where nothing else is there. */
export function offered(call: Call, alternatives: readonly Alternative[], sights: Sights): Alternative | Refusal | undefined {
  const fit = fitOf(call, alternatives, sights)
  if (!isRefusal(fit)) return fit.find((one) => sights.has(one))
  const lasting = (one: Alternative): Unfit | undefined => sights.standing(one.connection)?.lastingly(call.operation, call.consumer.id, sights.ms)
  return alternatives.find((one) => sights.has(one) && lasting(one) === undefined) ?? fit
}

const SENTENCES: Record<Unfit['why'], string> = {
  exhausted: "the subscription's quota is used up at the provider",
  credential: 'the provider refuses the subscription that would have served the call',
  plan: 'the subscription does not include this operation',
  open: 'the provider fails at the moment',
  paced: 'the provider is limiting calls at the moment',
  unreliable: 'the provider fails at the moment',
}

/** Where nobody knows when it ends. */
const SOME_TIME_MS = 60_000

function refusalOf(reasons: readonly Unfit[], nowMs: number): Refusal {
  const ends = reasons.map(({ untilMs }) => untilMs).filter((at) => at !== undefined)
  const retryAfterSeconds = Math.max(1, Math.ceil(((ends.length === 0 ? nowMs + SOME_TIME_MS : Math.min(...ends)) - nowMs) / 1000))
  const [first] = reasons
  if (reasons.every(({ why }) => why === 'exhausted'))
    return refuse('sold_out', `${SENTENCES.exhausted}; nothing was charged`, ends.length === 0 ? {} : { retryAfterSeconds })
  const told = reasons.find(({ why }) => why === 'open' || why === 'paced') ?? first
  return refuse('upstream_error', `${SENTENCES[told?.why ?? 'open']}; nothing was charged`, { retryAfterSeconds })
}
