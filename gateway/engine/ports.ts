/** What the engine is given, and what it writes answers to. */
import type { Attempt, CallRecord, Chance, Clock, Log, Store, UnknownSettlement } from '#contract'
import type { EngineCall } from './call.ts'
import type { Deadlines } from './deadlines.ts'
import type { Flight } from './flight.ts'
import type { Generation } from './generation.ts'
import type { Health } from './health/index.ts'
import type { Patience } from './patience.ts'
import type { Ending } from './reply.ts'
import type { Transport } from './transport.ts'
import type { Unverified } from './unverified.ts'

/** Where an answer goes. After `gone` nothing that is written has an effect. */
export interface Sink {
  /** A whole answer; text is the gateway's own words, bytes are a provider's. Headers are a flat list, the sink's own from here on. */
  answer(status: number, headers: string[], body: Buffer | string): void
  /** A long answer: head first, then chunks. */
  begin(status: number, headers: string[]): void
  /** False: wait for `drained` before more. */
  write(chunk: Buffer): boolean
  end(): void
  /** Ends the connection so that the answer never looks complete. */
  abort(): void
  /** Called back once after a `write` that returned false. */
  drained(resume: () => void): void
}

/** What has a deadline. */
export interface Timed {
  onDeadline(): void
}

/** A call is over, once, and this is how. */
export type Landed = (flight: Flight, call: EngineCall, ending: Ending) => void

export interface EnginePorts {
  readonly store: Store
  readonly transport: Pick<Transport, 'send' | 'close'>
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  /** Where consumers reach the gateway, for the resource URLs of x402. */
  origin(): string
  /** One per call that was not charged; charged ones stand in the journal. */
  record(record: CallRecord): void
  /** Each attempt at its end, with the provider's raw fields (flat list; empty where no answer came). Must not throw. */
  attempted(call: EngineCall, attempt: Attempt, rawHeaders: readonly string[]): void
  /** Over all attempts of a call; the flight's `onDeadline` hears of it. */
  readonly deadlines: Deadlines<Timed>
  /** Room for holds of payments that nobody has verified yet. */
  readonly unverified: Unverified
  /** For the store's answers. */
  readonly patience: Patience
  /** How each connection stands; beside the generations. */
  readonly health: Health
  readonly upstreamTimeoutMs: number
  readonly bufferBytes: number
  readonly concurrentPerConsumer: number
  /** A settlement has become unknown. */
  unknown(): void
  /** One has been so for long. */
  readonly late?: (unknown: UnknownSettlement) => void
  /** A generation that was replaced is not needed any more. */
  readonly closed?: (generation: Generation) => void
}
