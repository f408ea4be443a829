/**
 * What has happened since the start, in plain numbers: how calls and attempts ended, and how long they took. Counting costs a call two look-ups
 * and some additions; whoever wants to know (a scrape, the one who starts workers) takes a copy. Rows are bounded by what is configured.
 */
import { type Attempt, type Outcome, type RefusalCode, refusals } from '#contract'

/** Upper bounds of the buckets of durations, in milliseconds; one more is for what is longer. */
export const BUCKETS_MS: readonly number[] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000]

export interface Durations {
  /** One more than BUCKETS_MS, each without those below it. */
  readonly counts: number[]
  sumMs: number
}

export interface CallRow {
  readonly api: string
  readonly operation: string
  /** By ENDINGS. */
  readonly ended: number[]
  /** Of those that a provider answered and that went out to the consumer. */
  readonly durations: Durations
}

export interface AttemptRow {
  readonly connection: string
  /** By MEANINGS. */
  readonly ended: number[]
  /** Of those that the provider answered. */
  readonly durations: Durations
}

/** A copy that can be sent to another process. */
export interface Counts {
  readonly calls: readonly CallRow[]
  readonly attempts: readonly AttemptRow[]
  /** Requests that never became a call, by CODES. */
  readonly refused: readonly number[]
}

type Kind = Outcome['kind']

export const CODES = Object.keys(refusals) as readonly RefusalCode[]
const KINDS: readonly Exclude<Kind, 'refused'>[] = ['charged', 'free', 'passed', 'replayed', 'abandoned', 'unknown']
export const MEANINGS: readonly Attempt['meaning'][] = [
  ...(['ok', 'bad-request', 'not-found', 'rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it', 'provider-down', 'unknown'] as const),
  ...(['timeout', 'broken', 'not-sent', 'client-gone', 'shutdown', 'leaked', 'paused'] as const),
]

/** How a call can end: with what kind, and where it is refused with which code. */
export const ENDINGS: readonly { readonly outcome: Kind; readonly code: RefusalCode | '' }[] = [
  ...KINDS.map((outcome) => ({ outcome, code: '' as const })),
  ...CODES.map((code) => ({ outcome: 'refused' as const, code })),
]

const placesOf = <T extends string>(names: readonly T[], from = 0): Readonly<Record<T, number>> =>
  Object.fromEntries(names.map((name, at) => [name, at + from])) as Record<T, number>

const KIND_AT = placesOf(KINDS)
const CODE_AT = placesOf(CODES)
const MEANING_AT = placesOf(MEANINGS)

const zeros = (length: number): number[] => new Array<number>(length).fill(0)
const noDurations = (): Durations => ({ counts: zeros(BUCKETS_MS.length + 1), sumMs: 0 })

export class Tallies {
  /** API -> operation -> row: names outlive the objects of a generation. */
  readonly #calls = new Map<string, Map<string, CallRow>>()
  readonly #attempts = new Map<string, AttemptRow>()
  readonly #refused = zeros(CODES.length)

  /** A call is over. */
  called(of: { readonly api: string; readonly operation: { readonly id: string } }, kind: Kind, code: RefusalCode | undefined, tookMs: number): void {
    const row = this.#calls.get(of.api)?.get(of.operation.id) ?? this.#rowOf(of.api, of.operation.id)
    const at = kind === 'refused' ? KINDS.length + CODE_AT[code as RefusalCode] : KIND_AT[kind]
    row.ended[at] = (row.ended[at] as number) + 1
    if (kind === 'charged' || kind === 'free' || kind === 'passed') add(row.durations, tookMs)
  }

  /** A provider was asked, or was to be. */
  attempted({ connection, meaning, status, tookMs }: Attempt): void {
    let row = this.#attempts.get(connection)
    if (row === undefined) {
      row = { connection, ended: zeros(MEANINGS.length), durations: noDurations() }
      this.#attempts.set(connection, row)
    }
    const at = MEANING_AT[meaning]
    row.ended[at] = (row.ended[at] as number) + 1
    if (status !== undefined) add(row.durations, tookMs)
  }

  /** A request was refused before it was a call. */
  refused(code: RefusalCode): void {
    const at = CODE_AT[code]
    this.#refused[at] = (this.#refused[at] as number) + 1
  }

  counts(): Counts {
    return structuredClone({
      calls: [...this.#calls.values()].flatMap((operations) => [...operations.values()]),
      attempts: [...this.#attempts.values()],
      refused: this.#refused,
    })
  }

  #rowOf(api: string, operation: string): CallRow {
    const operations = this.#calls.get(api) ?? new Map<string, CallRow>()
    this.#calls.set(api, operations)
    const row = { api, operation, ended: zeros(ENDINGS.length), durations: noDurations() }
    operations.set(operation, row)
    return row
  }
}

function add(durations: Durations, tookMs: number): void {
  let at = 0
  while (at < BUCKETS_MS.length && tookMs > (BUCKETS_MS[at] as number)) at += 1
  durations.counts[at] = (durations.counts[at] as number) + 1
  durations.sumMs += tookMs
}

/** What several processes have counted, together. */
export function sumOf(all: readonly Counts[]): Counts {
  const calls = new Map<string, CallRow>()
  const attempts = new Map<string, AttemptRow>()
  for (const row of all.flatMap((one) => one.calls)) merge(calls, JSON.stringify([row.api, row.operation]), row)
  for (const row of all.flatMap((one) => one.attempts)) merge(attempts, row.connection, row)
  const refused = CODES.map((_, at) => all.reduce((sum, one) => sum + (one.refused[at] ?? 0), 0))
  return { calls: [...calls.values()], attempts: [...attempts.values()], refused }
}

function merge<R extends CallRow | AttemptRow>(rows: Map<string, R>, key: string, row: R): void {
  const before = rows.get(key)
  if (before === undefined) return void rows.set(key, structuredClone(row))
  for (const [at, count] of row.ended.entries()) before.ended[at] = (before.ended[at] as number) + count
  for (const [at, count] of row.durations.counts.entries()) before.durations.counts[at] = (before.durations.counts[at] as number) + count
  before.durations.sumMs += row.durations.sumMs
}
