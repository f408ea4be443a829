/**
 * `workers: N` on one port: one process starts N others and serves the operator (`workers.ts`), each of them serves consumers
 * (`worker.ts`). This is what they say to each other, as JSON over the pipes of node:cluster. All that calls need is in Redis.
 */
import type { Notice, Suspect } from '#contract'
import type { Health } from '../../office/index.ts'
import type { Figures } from '../metrics/figures.ts'
import type { Finished } from '../recent-calls.ts'

export interface Begin {
  readonly kind: 'begin'
  /** Of the configuration: a worker that is started again takes what the others have, whatever the file has become. */
  readonly text: string
  readonly port: number
  /** Of the worker, from 1. */
  readonly number: number
  /** See `WorkerPart`. */
  readonly ledgerId?: string
  readonly ledgerFailed?: string
}

export type ToWorker =
  | Begin
  | { readonly kind: 'stop'; readonly graceMs: number }
  /** Without a reason: it is well again. */
  | { readonly kind: 'ledger'; readonly failed?: string }
  | { readonly kind: 'ask'; readonly id: number; readonly what: keyof Answers; readonly of: string }
  /** What was prepared last is taken, or dropped. */
  | { readonly kind: 'take' | 'drop' }

export type FromWorker =
  | { readonly kind: 'hello' }
  | { readonly kind: 'serves'; readonly url: string }
  /** One sentence for the operator; the worker ends. */
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'notice'; readonly notice: Notice }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }

/** How a connection stands with one worker. */
export interface Standing {
  readonly health: Health
  readonly calls: number
  readonly successRate?: number | undefined
  readonly latencyMs?: number | undefined
}

/** What a worker can be asked, each with one text. */
export interface Answers {
  /** What it has lost, in a word each. */
  readonly lost: readonly string[]
  /** What it has counted. */
  readonly figures: Figures
  /** By name of the connection. */
  readonly standings: Readonly<Record<string, Standing>>
  /** Calls that have finished since it was last asked. */
  readonly finished: Finished
  /** Of at least this score; of many the worst. */
  readonly suspects: readonly Suspect[]
  /** The subject was known. */
  readonly forget: boolean
  /** The connection serves again, as far as it is known here. */
  readonly resume: true
  /** It looks for a new credential in the vault. */
  readonly vault: true
  /** Another text of the configuration is ready to be taken; else why not, in a sentence each. */
  readonly prepare: readonly string[]
}
