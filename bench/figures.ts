/** What a run found out of each case: medians of its rounds. */

export interface Round {
  readonly perSecond: number
  readonly cpuMicros: number | undefined
  /** Of the processes that work for this case alone. */
  readonly besideMicros: number | undefined
  /** Of the client that asked. */
  readonly clientMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** How late the client itself was, on a timetable. */
  readonly lateP99Ms: number
}

export interface Figures {
  readonly name: string
  readonly title: string
  /** As much as it can. */
  readonly full: Round
  /** On a timetable of so many requests a second. */
  readonly half: (Round & { readonly rate: number }) | undefined
  readonly idleMb: number | undefined
  readonly loadedMb: number | undefined
}

export function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  const middle = known.length >> 1
  return known.length % 2 === 1 ? known[middle] : known.length === 0 ? undefined : ((known[middle - 1] as number) + (known[middle] as number)) / 2
}

/** Each figure's median on its own; undefined without rounds. */
export function medianOf(rounds: readonly Round[]): Round | undefined {
  if (rounds.length === 0) return undefined
  const of = (pick: (round: Round) => number | undefined): number | undefined => median(rounds.map(pick))
  const sure = (pick: (round: Round) => number): number => of(pick) as number
  return {
    perSecond: sure((round) => round.perSecond),
    cpuMicros: of((round) => round.cpuMicros),
    besideMicros: of((round) => round.besideMicros),
    clientMicros: sure((round) => round.clientMicros),
    p50Ms: sure((round) => round.p50Ms),
    p99Ms: sure((round) => round.p99Ms),
    p999Ms: sure((round) => round.p999Ms),
    lateP99Ms: sure((round) => round.lateP99Ms),
  }
}

export const quotient = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : a / b)
