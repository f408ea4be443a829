/** One try at one connection, with what has come of its answer. */
import type { Alternative, KeptAnswer } from '#contract'
import { Trip } from './health/index.ts'
import { LeakError, PausedError } from './leaks.ts'
import type { Attempt, AttemptEvents } from './transport.ts'

const EMPTY = Buffer.alloc(0)

/** Who hears of it; an answer of false pauses the provider until `resume`. */
export interface Listener {
  onHead(from: Try): boolean
  onData(from: Try, chunk: Buffer): boolean
  onEnd(from: Try): void
  onError(from: Try, cause: Error, sent: boolean): void
}

export class Try implements AttemptEvents {
  readonly alternative: Alternative
  readonly startedAtMs: number
  /** What its connection's health has to do with it. */
  readonly trip: Trip
  readonly #listener: Listener
  attempt: Attempt | undefined
  status = 0
  rawHeaders: readonly string[] = []
  chunks: Buffer[] = []
  size = 0
  resume: () => void = () => undefined
  /** What happened while nobody could act on it: the charge of a long answer was being written. */
  ended = false
  broken: Error | undefined
  /** A plugin had the answer: no provider was asked. */
  kept: KeptAnswer | undefined = undefined

  constructor(listener: Listener, alternative: Alternative, startedAtMs: number, of: { consumer: string; isOwners: boolean; isFirst: boolean }) {
    this.#listener = listener
    this.trip = new Trip(this, of)
    this.alternative = alternative
    this.startedAtMs = startedAtMs
  }

  head(status: number, rawHeaders: readonly string[], resume: () => void): boolean {
    this.status = status
    this.rawHeaders = rawHeaders
    this.resume = resume
    return this.#listener.onHead(this)
  }

  data(chunk: Buffer): boolean {
    return this.#listener.onData(this, chunk)
  }

  end(): void {
    this.ended = true
    this.#listener.onEnd(this)
  }

  error(cause: Error, sent: boolean): void {
    this.broken = cause
    this.#listener.onError(this, cause, sent)
  }

  keep(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.size += chunk.length
  }

  body(): Buffer {
    if (this.chunks.length === 1) return this.chunks[0] as Buffer
    return this.chunks.length === 0 ? EMPTY : Buffer.concat(this.chunks, this.size)
  }
}

/** Why no answer came: what the transport says of it, or what it looks like. */
export const meaningOf = <Else extends 'broken' | 'not-sent'>(cause: Error, otherwise: Else): 'leaked' | 'paused' | Else =>
  cause instanceof LeakError || cause instanceof PausedError ? cause.meaning : otherwise
