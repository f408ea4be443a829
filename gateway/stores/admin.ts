/** The operator's side of the embedded store: keys, credits, switches, counters. */
import { type Clock, type Connection, type ConnectionCounters, type KeyRecord, type NewKey, NOTHING, type StoreAdmin, type Units, type Usd } from '#contract'
import type { Journal } from './journal.ts'
import type { JournalRecord } from './records.ts'
import type { State } from './state.ts'
import type { Stock } from './stock.ts'

export class EmbeddedAdmin implements StoreAdmin {
  readonly #clock: Clock
  readonly #journal: Journal
  readonly #state: State
  readonly #stock: Stock

  constructor(parts: { readonly clock: Clock; readonly journal: Journal; readonly state: State; readonly stock: Stock }) {
    this.#clock = parts.clock
    this.#journal = parts.journal
    this.#state = parts.state
    this.#stock = parts.stock
  }

  configure(connections: readonly Connection[]): void {
    this.#stock.configure(connections)
  }

  async createKey(key: NewKey): Promise<KeyRecord> {
    const { credits, capPerDay, ...rest } = key
    const at = this.#clock.nowMs()
    const account = `key:${key.id}`
    const written = [
      this.#write({ t: 'key', key: { ...rest, account, createdAtMs: at, ...(capPerDay === undefined ? {} : { capPerDay: capPerDay.toString() }) } }),
    ]
    if (credits > 0n) written.push(this.#write({ t: 'credit', id: `grant-${key.id}`, account, amount: credits.toString(), from: 'grant', at }))
    await Promise.all(written)
    return this.#state.keys.get(key.id) as KeyRecord
  }

  async revokeKey(id: string): Promise<boolean> {
    const key = this.#state.keys.get(id)
    if (key === undefined) return false
    if (key.revokedAtMs === undefined) await this.#write({ t: 'revoke', id, at: this.#clock.nowMs() })
    return true
  }

  listKeys(): readonly KeyRecord[] {
    return [...this.#state.keys.values()]
  }

  balance(account: string): Usd {
    return this.#state.accounts.get(account)?.posted ?? NOTHING
  }

  setEnabled(connection: string, enabled: boolean, vetted: boolean): Promise<void> {
    return this.#write({ t: 'enable', connection, enabled, vetted, at: this.#clock.nowMs() })
  }

  counters(connection: string): ConnectionCounters {
    const tally = this.#stock.shelf(connection)?.tally
    return {
      enabled: this.#stock.enabled(connection),
      vetted: this.#state.switches.get(connection)?.vetted ?? false,
      sold: (tally?.sold ?? 0) as Units,
      own: (tally?.own ?? 0) as Units,
      wasted: (tally?.wasted ?? 0) as Units,
      external: (tally?.external ?? 0) as Units,
      left: this.#stock.left(connection),
      revenue: tally?.revenue ?? NOTHING,
      resetsAtMs: this.#stock.resetsAtMs(connection),
    }
  }

  #write(record: JournalRecord): Promise<void> {
    this.#state.apply(record)
    return this.#journal.durable(JSON.stringify(record))
  }
}
