/** The way of a long answer after its charge: chunk by chunk, no faster than the reader, cut when the provider falls silent. */
import type { Try } from './attempt.ts'
import type { Sink } from './ports.ts'

export class PaidStream {
  readonly #from: Try
  readonly #sink: Sink
  readonly #silenceMs: number
  readonly #broken: (cause: unknown) => void
  #silence: NodeJS.Timeout | undefined
  #over = false

  /** `broken` is called at most once, when the provider did not finish what was paid for. */
  constructor(from: Try, sink: Sink, silenceMs: number, broken: (cause: unknown) => void) {
    this.#from = from
    this.#sink = sink
    this.#silenceMs = silenceMs
    this.#broken = broken
  }

  /** Sends what was read before the charge, then lets the provider go on. */
  begin(headers: string[]): void {
    this.#sink.begin(this.#from.status, headers)
    for (const chunk of this.#from.chunks) this.#sink.write(chunk)
    this.#from.chunks = []
    this.#listen()
    this.#from.resume()
  }

  /** False pauses the provider; waiting for the reader is not the provider's silence. */
  write(chunk: Buffer): boolean {
    if (this.#over) return true
    if (this.#sink.write(chunk)) {
      this.#silence?.refresh()
      return true
    }
    clearTimeout(this.#silence)
    this.#sink.drained(() => {
      if (this.#over) return
      this.#listen()
      this.#from.resume()
    })
    return false
  }

  end(): void {
    if (this.#close()) this.#sink.end()
  }

  /** From the provider's side: the consumer sees that the answer is not whole. */
  break(cause: unknown): void {
    if (!this.#close()) return
    this.#sink.abort()
    this.#from.attempt?.abort()
    this.#broken(cause)
  }

  /** From the consumer's side, or at a stop: the charge stands. */
  cut(): void {
    if (!this.#close()) return
    this.#sink.abort()
    this.#from.attempt?.abort()
  }

  #listen(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.break(new Error(`the provider was silent for ${this.#silenceMs} ms`)), this.#silenceMs)
  }

  #close(): boolean {
    if (this.#over) return false
    this.#over = true
    clearTimeout(this.#silence)
    return true
  }
}
