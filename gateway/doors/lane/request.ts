/** A request of the lane: what the engine takes, and where its answer goes. */
import type { Incoming, Sink } from '../../engine/index.ts'
import type { PlainHead } from './head.ts'

/** Who writes the answers of a connection; one that comes too late reaches nobody. */
export interface Answering {
  answer(to: PlainRequest, status: number, headers: string[], body: Buffer | string): void
  begin(to: PlainRequest, status: number, headers: string[]): void
  write(to: PlainRequest, chunk: Buffer): boolean
  end(to: PlainRequest): void
  abort(to: PlainRequest): void
  drained(to: PlainRequest, resume: () => void): void
}

export class PlainRequest implements Incoming, Sink {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly address: string
  readonly loopback: boolean
  readonly #names: readonly string[]
  readonly #to: Answering

  constructor(id: string, { method, target, fields, names }: PlainHead, client: { readonly address: string; readonly loopback: boolean }, to: Answering) {
    this.id = id
    this.method = method
    this.target = target
    this.rawHeaders = fields
    this.address = client.address
    this.loopback = client.loopback
    this.#names = names
    this.#to = to
  }

  header(name: string): string | undefined {
    const at = this.#names.indexOf(name)
    return at === -1 ? undefined : this.rawHeaders[at * 2 + 1]
  }

  answer(status: number, headers: string[], body: Buffer | string): void {
    this.#to.answer(this, status, headers, body)
  }

  begin(status: number, headers: string[]): void {
    this.#to.begin(this, status, headers)
  }

  write(chunk: Buffer): boolean {
    return this.#to.write(this, chunk)
  }

  end(): void {
    this.#to.end(this)
  }

  abort(): void {
    this.#to.abort(this)
  }

  drained(resume: () => void): void {
    this.#to.drained(this, resume)
  }
}
