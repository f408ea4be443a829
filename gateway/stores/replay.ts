/** From the groups of a journal to the state: each record with the place at which it can be read again. */
import { ANSWER_OVERHEAD_BYTES } from './answers.ts'
import { BegunIntents } from './begun.ts'
import type { Replayed } from './opening.ts'
import { PaidScan } from './paid-scan.ts'
import type { JournalRecord } from './records.ts'
import type { Place } from './segments.ts'
import type { State } from './state.ts'
import { Sums } from './sums.ts'

export class Replay {
  readonly #state: State
  readonly #sums: Sums
  readonly #scan = new PaidScan()
  readonly #begun = new BegunIntents()

  constructor(state: State) {
    this.#state = state
    this.#sums = new Sums(state)
  }

  group({ bytes, places, segment }: Replayed): void {
    let at = 0
    for (let index = 0; index < places.length; index += 2) {
      const length = places[index + 1] as number
      if (!this.#sums.take(bytes, at)) this.#further(bytes, at, { segment, offset: places[index] as number, length })
      at += length + 1
    }
  }

  /** Nothing is added up any more; intents that have not ended by here are those of the state. */
  end(): void {
    this.#sums.flush()
    for (const id of this.#begun.ids()) this.#intend(id)
  }

  #further(bytes: Buffer, at: number, place: Place): void {
    const end = at + place.length
    const begins = this.#scan.intent(bytes, at, end)
    if (begins !== undefined) return this.#begun.add(begins, place, bytes, at)
    const ends = this.#scan.settled(bytes, at)
    if (ends === undefined || !this.#paid(ends, place)) this.#record(JSON.parse(bytes.toString('utf8', at, end)) as JournalRecord, place)
  }

  #record(record: JournalRecord, place: Place): void {
    // Charges and leases add to what others add to; what else happens may look at it, or be looked at.
    if (record.t !== 'charge' && record.t !== 'lease' && record.t !== 'audit') this.#sums.flush()
    if (record.t === 'settled' || record.t === 'void') this.#intend(record.id)
    this.#state.apply(record, place)
  }

  #intend(id: string): void {
    const begun = this.#begun.take(id)
    if (begun !== undefined) this.#state.apply(JSON.parse(this.#begun.lineOf(begun)) as JournalRecord, begun.place)
  }

  /** False where its intent is none that was read here. */
  #paid(id: string, settled: Place): boolean {
    const begun = this.#begun.take(id)
    if (begun === undefined) return false
    const { sold, body } = begun.facts
    this.#state.sold(sold)
    const until = sold.names[0]?.until
    if (body !== undefined && until !== undefined) this.#state.answers.keep(id, { bytes: body + ANSWER_OVERHEAD_BYTES, until, record: begun.place, settled })
    return true
  }
}
