/** The score of one subject: points of two half-windows that slide, and what was found out about it. */
import { type AbuseRules, ABUSES, type AbuseState, type EpochMs } from '#contract'

const WINDOW_MS = 60_000
/** Last different things asked for. */
const REMEMBERED = 8

export interface Meter {
  readonly subject: string
  sinceMs: EpochMs
  /** Times are monotonic: a clock that is set neither forgives nor condemns. */
  windowStartMs: number
  now: number
  before: number
  readonly calls: number[]
  state: AbuseState
  untilMs: number
  blocks: number
  refused: number
  /** Bad calls since one came to a good end. */
  inARow: number
  /** Of whoever found him. */
  rules: AbuseRules | undefined
  recent: number[] | undefined
  different: number
}

export const meterOf = (subject: string, sinceMs: EpochMs, nowMs: number): Meter => ({
  ...{ subject, sinceMs, windowStartMs: nowMs, now: 0, before: 0, calls: ABUSES.map(() => 0), state: 'watched' },
  ...{ untilMs: nowMs, blocks: 0, refused: 0, inARow: 0, rules: undefined, recent: undefined, different: 0 },
})

export function turn(meter: Meter, nowMs: number): void {
  const passedMs = nowMs - meter.windowStartMs
  if (passedMs < WINDOW_MS) return
  meter.before = passedMs < 2 * WINDOW_MS ? meter.now : 0
  meter.now = 0
  meter.different = 0
  meter.windowStartMs = passedMs < 2 * WINDOW_MS ? meter.windowStartMs + WINDOW_MS : nowMs
}

/** Of a block the window begins with its end. */
export const scoreOf = ({ now, before, windowStartMs }: Meter, nowMs: number): number => now + before * Math.min(1, 1 - (nowMs - windowStartMs) / WINDOW_MS)

/** Blocks that count still. */
export const blocksAt = ({ blocks, untilMs }: Meter, { forgiveAfterMs }: AbuseRules, nowMs: number): number =>
  blocks === 0 ? 0 : Math.max(0, blocks - Math.floor(Math.max(0, nowMs - untilMs) / forgiveAfterMs))

/** Counted where it is not among the last few. */
export function remember(meter: Meter, asked: string): void {
  meter.recent ??= []
  const hash = hashOf(asked)
  if (meter.recent.includes(hash)) return
  if (meter.recent.length >= REMEMBERED) meter.recent.shift()
  meter.recent.push(hash)
  meter.different += 1
}

/** FNV-1a over the beginning. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length && at < 256; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
