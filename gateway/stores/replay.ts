/** From the groups of a journal to the state: each record with the place at which it can be read again. */
import { ANSWER_OVERHEAD_BYTES } from './answers.ts'
import type { Replayed } from './opening.ts'
import { idIn, paidIn } from './paid-lines.ts'
import type { JournalRecord } from './records.ts'
import type { Place } from './segments.ts'
import type { State } from './state.ts'
import { Sums } from './sums.ts'

const INTENT = '{"t":"intent",'
const SETTLED = '{"t":"settled",'

interface Begun {
  readonly text: string
  readonly place: Place
}

export class Replay {
  readonly #state: State
  readonly #sums: Sums
  /** Intents of which no end has been read yet. Nearly all end soon after they began, and then few facts of them matter. */
  readonly #begun = new Map<string, Begun>()

  constructor(state: State) {
    this.#state = state
    this.#sums = new Sums(state)
  }

  group({ bytes, places, segment }: Replayed): void {
    let at = 0
    for (let index = 0; index < places.length; index += 2) {
      const length = places[index + 1] as number
      if (!this.#sums.take(bytes, at)) this.#record(bytes.toString('utf8', at, at + length), { segment, offset: places[index] as number, length })
      at += length + 1
    }
  }

  /** Nothing is added up any more; intents that have not ended by here are those of the state. */
  end(): void {
    this.#sums.flush()
    for (const id of [...this.#begun.keys()]) this.#intend(id)
  }

  #record(text: string, place: Place): void {
    const id = text.startsWith(INTENT) || text.startsWith(SETTLED) ? idIn(text) : undefined
    if (id !== undefined && text.startsWith(INTENT)) return void this.#begun.set(id, { text, place })
    if (id !== undefined && this.#paid(id, place)) return
    const record = JSON.parse(text) as JournalRecord
    // Charges and leases add to what others add to; what else happens may look at it, or be looked at.
    if (record.t !== 'charge' && record.t !== 'lease' && record.t !== 'audit') this.#sums.flush()
    if (record.t === 'settled' || record.t === 'void') this.#intend(record.id)
    this.#state.apply(record, place)
  }

  #intend(id: string): void {
    const begun = this.#begun.get(id)
    if (begun === undefined) return
    this.#begun.delete(id)
    this.#state.apply(JSON.parse(begun.text) as JournalRecord, begun.place)
  }

  /** False where the two lines have to be parsed. */
  #paid(id: string, settled: Place): boolean {
    const begun = this.#begun.get(id)
    const paid = begun === undefined ? undefined : paidIn(begun.text)
    if (begun === undefined || paid === undefined) return false
    this.#begun.delete(id)
    this.#state.sold(paid.sold)
    const until = paid.sold.names[0]?.until
    if (paid.body !== undefined && until !== undefined)
      this.#state.answers.keep(id, { bytes: paid.body + ANSWER_OVERHEAD_BYTES, until, record: begun.place, settled })
    return true
  }
}
