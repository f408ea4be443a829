/** Mutants that change nothing that anybody could see, each with the reason. They are counted apart and never run; the id goes with the line. */

export interface Equivalent {
  readonly id: string
  /** What it is, for readers. */
  readonly place: string
  readonly reason: string
}

export const equivalents: readonly Equivalent[] = []
