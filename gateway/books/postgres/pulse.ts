/** Says within a third of a second that PostgreSQL does not answer, or only reads; slow is taken for dead. */
import type pg from 'pg'
import { textOf } from '../answering.ts'
import { connect, discard } from './connection.ts'

const BEAT_MS = 100
const LATE_MS = 200
const GIVE_UP_MS = 2000

export interface PulseParts {
  readonly url: string
  readonly address: string
  readonly tell: (failure: string | undefined) => void
}

export class Pulse {
  readonly #parts: PulseParts
  #client: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #failure: string | undefined

  constructor(parts: PulseParts) {
    this.#parts = parts
    this.#next()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    discard(this.#client)
  }

  #next(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.#beat().then(() => this.#next()), BEAT_MS)
  }

  async #beat(): Promise<void> {
    const { address } = this.#parts
    let answered = false
    const complain = (): void => {
      if (!answered) this.#tell(`the ledger at ${address} does not answer`)
    }
    // After the answers that are waiting: a thread that was busy itself is no late answer.
    const late = setTimeout(() => setImmediate(() => setImmediate(complain)), LATE_MS)
    try {
      this.#client ??= await connect(this.#parts.url, { use: 'pulse', queryMs: GIVE_UP_MS })
      const { rows } = await this.#client.query<{ closed: boolean }>(
        `select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as closed`,
      )
      this.#tell(rows[0]?.closed === true ? `the ledger at ${address} is read-only` : undefined)
    } catch (error) {
      this.#tell(`the ledger at ${address} cannot be reached: ${textOf(error)}`)
      discard(this.#client)
      this.#client = undefined
    } finally {
      answered = true
      clearTimeout(late)
    }
  }

  #tell(failure: string | undefined): void {
    if (this.#closed || failure === this.#failure) return
    this.#failure = failure
    this.#parts.tell(failure)
  }
}
