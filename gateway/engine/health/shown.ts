/** How a connection stands, in the words of the status. */
import type { Clock, EpochMs } from '#contract'
import type { Lane } from './lane.ts'
import type { Standing } from './standing.ts'

export interface Shown {
  /** Undefined: nothing is known against it. */
  readonly word: 'paused' | 'exhausted' | 'open' | 'failing' | 'paced' | undefined
  /** One sentence. */
  readonly because: string | undefined
  readonly untilMs: EpochMs | undefined
  /** What the provider takes, as far as it has been found out. */
  readonly pace: Readonly<Record<string, ShownPace>>
}

interface ShownPace {
  /** Null: not known, only that it is limited now. */
  readonly per_second: number | null
  readonly waiting: number
}

export function shownOf(standing: Standing, clock: Clock): Shown {
  const pace = pacesOf(standing)
  const { word, because, untilMs } = worst(standing, clock.nowMs(), Object.keys(pace).length > 0)
  return { word, because, untilMs: untilMs as EpochMs | undefined, pace }
}

type Said = { readonly word: Shown['word']; readonly because: string | undefined; readonly untilMs: number | undefined }

function worst({ paused, exhausted, breaker, ejectedUntilMs }: Standing, nowMs: number, isPaced: boolean): Said {
  if (paused !== undefined) return { word: 'paused', because: paused.because, untilMs: paused.untilMs }
  if (exhausted !== undefined) {
    const until = exhausted.untilMs === undefined ? 'until it is enabled again' : 'until its period ends'
    return { word: 'exhausted', because: `the provider says that its quota is used up; nothing is sold of it ${until}`, untilMs: exhausted.untilMs }
  }
  if (breaker.isOpen) return { word: 'open', because: undefined, untilMs: Math.max(breaker.probeAtMs, nowMs) }
  if (ejectedUntilMs > nowMs) return { word: 'failing', because: undefined, untilMs: ejectedUntilMs }
  return { word: isPaced ? 'paced' : undefined, because: undefined, untilMs: undefined }
}

function pacesOf({ lanes }: Standing): Record<string, ShownPace> {
  const paces: Record<string, ShownPace> = {}
  for (const [name, { pace, waiting }] of Object.entries(lanes) as [string, Lane][]) {
    if (pace.perSecond === undefined && waiting === 0) continue
    paces[name] = { per_second: pace.perSecond === undefined ? null : Math.round(pace.perSecond * 100) / 100, waiting }
  }
  return paces
}
