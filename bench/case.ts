/** One thing that is measured: a server that runs, what to ask of it, and whether it wrote down what it answered. */

import type { ChildProcess } from 'node:child_process'

export interface Answers {
  /** With 200. */
  readonly answered: number
  readonly refused: number
  /** Of the last of them. */
  readonly head: string
}

export type Checked = Promise<{ readonly ok: boolean; readonly line: string }>

export interface Case {
  /** As `--only` takes it. */
  readonly name: string
  readonly port: number
  readonly pid: number
  /** Whole requests; the connections take turns. */
  readonly requests: readonly string[]
  readonly uniqueAt?: number | undefined
  readonly connections?: number | undefined
  /** Other processes that work for this one alone; their CPU is shown beside its own. */
  readonly beside?: readonly number[] | undefined
  /** Is what the server wrote down what was answered? One line for the reader, or what is wrong. */
  check?(answers: Answers): Checked
  stop(): Promise<void>
}

/** A case that cannot run says why. */
export type Started = Case | { readonly name: string; readonly skipped: string }

/** What the cases have in common: the provider, and the facilitator of those that are paid. */
export interface Around {
  readonly upstream: { readonly child: ChildProcess; readonly port: number }
  readonly facilitatorPort: number
}
