/** What the operator is told of a gateway with workers: each of them asked, and their answers made into one. */
import { ABUSES, type EpochMs, type Suspect } from '#contract'
import type { Gateway } from '../../gateway.ts'
import type { Health, Live } from '../../office/index.ts'
import { liveOf } from '../live.ts'
import type { Answers, Standing } from './messages.ts'

/** Asks every worker; of one that does not answer nothing comes. */
export type AskAll = <K extends keyof Answers>(what: K, of?: string) => Promise<readonly Answers[K][]>

export function liveOfAll(gateway: Gateway, ask: AskAll): Live {
  const own = liveOf(gateway)
  let asked: ReturnType<typeof ask<'standings'>> | undefined
  /** One question for all rows of a table. */
  const standings = async (name: string): Promise<readonly Standing[]> => {
    asked ??= ask('standings').finally(() => {
      asked = undefined
    })
    return (await asked).flatMap((one) => one[name] ?? [])
  }
  return {
    ...own,
    health: async (name) => healthOfAll((await standings(name)).map(({ health }) => health)),
    quality: async (name) => qualityOfAll(await standings(name)),
    resume: (name) => {
      own.resume(name)
      void ask('resume', name)
    },
    credential: (entry, secret) => {
      const taken = own.credential(entry, secret)
      void ask('vault')
      return taken
    },
    meters: {
      suspects: async (leastScore) => suspectsOfAll((await ask('suspects', String(leastScore))).flat()),
      forget: async (subject) => (await ask('forget', subject)).includes(true),
    },
  }
}

/** The worst first: what stands against a connection with one worker is to be seen. */
const WORDS = ['paused', 'exhausted', 'open', 'failing', 'paced', 'ok', 'unknown']
const rank = ({ health }: Health): number => (WORDS.includes(health) ? WORDS.indexOf(health) : 0)

export function healthOfAll(all: readonly Health[]): Health {
  const [worst] = [...all].sort((a, b) => rank(a) - rank(b))
  if (worst === undefined) return { health: 'unknown', lastFailure: undefined }
  const lastFailure = worst.lastFailure ?? all.find((one) => one.lastFailure !== undefined)?.lastFailure
  return { ...worst, lastFailure, pace: pacesOfAll(all.map(({ pace }) => (pace ?? {}) as Paces)) }
}

type Paces = Readonly<Record<string, { readonly per_second: number | null; readonly waiting: number }>>

/** Each worker finds out for itself what it gets: together they get the sum. */
function pacesOfAll(all: readonly Paces[]): Paces {
  const sums: Record<string, { per_second: number | null; waiting: number }> = {}
  for (const [name, { per_second: perSecond, waiting }] of all.flatMap((paces) => Object.entries(paces))) {
    const before = sums[name]
    if (before === undefined) sums[name] = { per_second: perSecond, waiting }
    else {
      before.waiting += waiting
      before.per_second = before.per_second === null || perSecond === null ? null : Math.round((before.per_second + perSecond) * 100) / 100
    }
  }
  return sums
}

/** Whoever had more calls has more to say. */
export function qualityOfAll(all: readonly Standing[]): { readonly successRate: number | undefined; readonly latencyMs: number | undefined } {
  const mean = (of: (one: Standing) => number | undefined): number | undefined => {
    const known = all.filter((one) => of(one) !== undefined && one.calls > 0)
    const calls = known.reduce((sum, one) => sum + one.calls, 0)
    return calls === 0 ? undefined : known.reduce((sum, one) => sum + (of(one) as number) * one.calls, 0) / calls
  }
  const latencyMs = mean((one) => one.latencyMs)
  return { successRate: mean((one) => one.successRate), latencyMs: latencyMs === undefined ? undefined : Math.round(latencyMs) }
}

const STATES = ['watched', 'throttled', 'blocked'] as const

/** One row for each subject; scores and calls are sums, the state is the worst. The worst first. */
export function suspectsOfAll(all: readonly Suspect[]): readonly Suspect[] {
  const found = new Map<string, Suspect>()
  for (const one of all) {
    const before = found.get(one.subject)
    found.set(one.subject, before === undefined ? one : together(before, one))
  }
  return [...found.values()].sort((a, b) => STATES.indexOf(b.state) - STATES.indexOf(a.state) || b.score - a.score)
}

function together(a: Suspect, b: Suspect): Suspect {
  const worse = STATES.indexOf(a.state) >= STATES.indexOf(b.state) ? a : b
  const untilMs = Math.max(a.untilMs ?? 0, b.untilMs ?? 0)
  const calls = Object.fromEntries(ABUSES.map((abuse) => [abuse, (a.calls[abuse] ?? 0) + (b.calls[abuse] ?? 0)])) as Suspect['calls']
  return {
    ...worse,
    ...{ calls, score: a.score + b.score, refused: a.refused + b.refused, blocks: Math.max(a.blocks, b.blocks) },
    sinceMs: Math.min(a.sinceMs, b.sinceMs) as EpochMs,
    untilMs: untilMs === 0 ? undefined : (untilMs as EpochMs),
  }
}
