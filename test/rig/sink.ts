/** The client's end of a call, in the shape of the engine's port. */

import type { Sink } from '../../gateway/engine/ports.ts'

export interface Received {
  readonly status: number
  readonly headers: readonly string[]
  body: string
}

/** Writes down what reaches the client, and what no client should ever see. */
export class RecordingSink implements Sink {
  /** The client has left: nothing that is written reaches anybody. */
  gone = false
  /** What `write` says. */
  ready = true
  readonly answers: Received[] = []
  readonly streams: Received[] = []
  ended = 0
  aborted = 0
  readonly wrongs: string[] = []
  #resume: (() => void) | undefined

  /** In a word. */
  get seen(): string {
    const stream = this.ended > 0 ? 'stream whole' : this.aborted > 0 ? 'stream cut' : 'stream open'
    return [...this.answers.map(() => 'answer'), ...this.streams.map(() => stream)].join(' and ') || (this.aborted > 0 ? 'cut' : 'nothing')
  }

  answer(status: number, headers: readonly string[], body: Buffer | string): void {
    if (this.gone) return
    if (this.answers.length + this.streams.length + this.aborted > 0) this.wrongs.push('a second answer')
    this.answers.push({ status, headers, body: String(body) })
  }

  begin(status: number, headers: readonly string[]): void {
    if (this.gone) return
    if (this.answers.length + this.streams.length + this.aborted > 0) this.wrongs.push('a second answer')
    this.streams.push({ status, headers, body: '' })
  }

  write(chunk: Buffer): boolean {
    if (this.gone) return true
    const stream = this.streams.at(-1)
    if (stream === undefined || this.ended + this.aborted > 0) this.wrongs.push('a chunk outside of a stream')
    else stream.body += chunk.toString()
    return this.ready
  }

  end(): void {
    if (this.gone) return
    if (this.streams.length === 0 || this.ended + this.aborted > 0) this.wrongs.push('an end without a stream')
    this.ended += 1
  }

  abort(): void {
    if (!this.gone) this.aborted += 1
  }

  drained(resume: () => void): void {
    if (this.#resume !== undefined) this.wrongs.push('asked twice to be told of the drain')
    this.#resume = resume
  }

  /** The client reads on. */
  drain(): void {
    const resume = this.#resume
    this.#resume = undefined
    this.ready = true
    resume?.()
  }
}
