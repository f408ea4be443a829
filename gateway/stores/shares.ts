/**
 * Fair use: who took how many units of a pool within a window, counted in tenths of it. What is too old goes with its tenth,
 * so that memory is bounded by who took something within the window, and the work by the number of tenths.
 */
import type { Clock, ShareClaim } from '#contract'

/** The whole ones of a window, and the one that is under way. */
const TENTHS = 11
const MILLION = 1_000_000

interface Tenth {
  readonly at: number
  sum: number
  readonly by: Map<string, number>
}

/** What one call has taken, and in which tenth. */
export interface Shared {
  readonly tenth: Tenth
  readonly key: string
  readonly units: number
}

export const tenthMs = ({ windowMs }: ShareClaim): number => Math.ceil(windowMs / 10)

/** Windows of another length count for themselves. */
export const sharedPool = ({ pool, windowMs }: ShareClaim): string => `${pool}:${windowMs}`

export class Shares {
  readonly #clock: Clock
  readonly #pools = new Map<string, (Tenth | undefined)[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Seconds until so many units fit the share, if nobody takes more meanwhile; 0 when they do now. */
  wait(claim: ShareClaim, units: number, left: () => number): number {
    const tenths = this.#pools.get(sharedPool(claim))
    if (tenths === undefined) return 0
    const each = tenthMs(claim)
    const now = this.#clock.nowMs()
    const first = Math.floor(now / each) - TENTHS + 1
    let mine = 0
    let all = 0
    for (const tenth of tenths) {
      if (tenth === undefined || tenth.at < first) continue
      all += tenth.sum
      mine += tenth.by.get(claim.key) ?? 0
    }
    const free = all === mine ? 0 : left()
    const fits = (): boolean => all === mine || (mine + units - 1) * MILLION < (free + all) * claim.millionths
    if (units === 0 || fits()) return 0
    for (let at = first; at < first + TENTHS; at += 1) {
      const tenth = tenths[at % TENTHS]
      if (tenth?.at !== at) continue
      all -= tenth.sum
      mine -= tenth.by.get(claim.key) ?? 0
      if (fits()) return ((at + TENTHS) * each - now) / 1000
    }
    return each / 1000
  }

  take(claim: ShareClaim, units: number): Shared {
    const pool = sharedPool(claim)
    let tenths = this.#pools.get(pool)
    if (tenths === undefined) {
      tenths = new Array<Tenth | undefined>(TENTHS).fill(undefined)
      this.#pools.set(pool, tenths)
    }
    const at = Math.floor(this.#clock.nowMs() / tenthMs(claim))
    let tenth = tenths[at % TENTHS]
    if (tenth?.at !== at) {
      tenth = { at, sum: 0, by: new Map() }
      tenths[at % TENTHS] = tenth
    }
    tenth.sum += units
    tenth.by.set(claim.key, (tenth.by.get(claim.key) ?? 0) + units)
    return { tenth, key: claim.key, units }
  }

  giveBack({ tenth, key }: Shared, units: number): void {
    tenth.sum -= units
    const left = (tenth.by.get(key) ?? 0) - units
    if (left > 0) tenth.by.set(key, left)
    else tenth.by.delete(key)
  }
}
