/** The operator's side of the embedded store: keys, credits, switches, counters. */
import {
  type AuditDesk,
  type AuditEntry,
  type Clock,
  type Connection,
  type ConnectionCounters,
  type Correction,
  type CounterReading,
  type CounterState,
  type EpochMs,
  type KeyRecord,
  type KeyRotation,
  type NewKey,
  NOTHING,
  type PayoutDesk,
  type StoreAdmin,
  type Units,
  type UnitsUsed,
  type Usd,
} from '#contract'
import type { Journal } from './journal.ts'
import { auditedOf, type JournalRecord } from './records.ts'
import type { State, Tally } from './state.ts'
import { storedKey } from './state-parts.ts'
import { endedOf, externalOf, type Stock } from './stock.ts'

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

  async createKey(key: NewKey, audit?: AuditEntry): Promise<KeyRecord> {
    const { credits, ...rest } = key
    const at = this.#clock.nowMs()
    const account = key.account ?? `key:${key.id}`
    const records: JournalRecord[] = [{ t: 'key', key: storedKey({ ...rest, account, createdAtMs: at }) }]
    if (credits > 0n) records.push({ t: 'credit', id: `grant-${key.id}`, account, amount: credits.toString(), from: 'grant', at })
    await this.#write(records, audit)
    return this.#state.keys.get(key.id) as KeyRecord
  }

  async revokeKey(id: string, audit?: AuditEntry): Promise<boolean> {
    const key = this.#state.keys.get(id)
    if (key === undefined) return false
    if (key.revokedAtMs === undefined) await this.#write([{ t: 'revoke', id, at: this.#clock.nowMs() }], audit)
    return true
  }

  async rotateKey(id: string, to: KeyRotation, audit?: AuditEntry): Promise<KeyRecord | undefined> {
    const old = this.#state.keys.get(id)
    if (old === undefined || old.revokedAtMs !== undefined) return undefined
    await this.#write([{ t: 'rotate', from: id, key: storedKey({ ...old, ...to, createdAtMs: this.#clock.nowMs() }) }], audit)
    return this.#state.keys.get(to.id)
  }

  async key(id: string): Promise<KeyRecord | undefined> {
    return this.#state.keys.get(id)
  }

  async listKeys(note?: string): Promise<readonly KeyRecord[]> {
    return [...(note === undefined ? this.#state.keys.values() : this.#state.keys.noted(note))]
  }

  async balance(account: string): Promise<Usd> {
    return this.#state.accounts.peek(account)?.posted ?? NOTHING
  }

  async balances(): Promise<ReadonlyMap<string, Usd>> {
    return new Map([...this.#state.accounts].map(([account, { posted }]) => [account, posted]))
  }

  setEnabled(connection: string, enabled: boolean, vetted: boolean, audit?: AuditEntry): Promise<void> {
    return this.#write([{ t: 'enable', connection, enabled, vetted, at: this.#clock.nowMs() }], audit)
  }

  async counters(connection: string): Promise<ConnectionCounters> {
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

  async usage(): Promise<ReadonlyMap<string, UnitsUsed>> {
    const { tallies, before } = this.#state
    return new Map([...tallies].map(([connection, periods]) => [connection, sumOf([...periods.values(), ...(before.get(connection) ?? [])])]))
  }

  async correct({ id, reason, ref, postings }: Correction, audit?: AuditEntry): Promise<void> {
    if (postings.reduce((sum, { amount }) => sum + amount, 0n) !== 0n) throw new Error(`correction ${id} does not balance`)
    if (this.#state.corrections.has(id)) return this.#journal.flushed()
    const amounts = postings.map(({ account, amount }) => ({ account, amount: amount.toString() }))
    return this.#write([{ t: 'correct', id, at: this.#clock.nowMs(), reason, ...(ref === undefined ? {} : { ref }), postings: amounts }], audit)
  }

  readonly payouts: PayoutDesk = {
    open: async () => this.#state.payout,
    count: async () => this.#state.payouts,
    begin: async (payout, after) => {
      if (this.#state.payout !== undefined || this.#state.payouts !== after) return false
      await this.#write([{ t: 'payout', payout: { ...payout, amount: payout.amount.toString() } }])
      return true
    },
    end: async (id, end) => {
      if (this.#state.payout?.id !== id) return this.#journal.flushed()
      const detail = end.state === 'paid' ? end.block : end.reason
      return this.#write([{ t: 'payout-end', id, state: end.state, detail, at: this.#clock.nowMs() }])
    },
  }

  async external(reading: CounterReading): Promise<CounterState | undefined> {
    const { connection } = reading
    const shelf = this.#stock.shelf(connection)
    if (shelf === undefined || reading.askedAtMs < shelf.period.startMs) return undefined
    const { tally, period } = shelf
    const external = externalOf(tally, reading) as Units
    const state = { external, ended: endedOf(tally) as Units, periodStartMs: period.startMs, periodEndMs: period.endMs }
    if (external === tally.external) await this.#journal.flushed()
    else await this.#write([{ t: 'external', connection, period: period.startMs, units: external, at: this.#clock.nowMs() }])
    return state
  }

  async first(key: string, untilMs: EpochMs): Promise<boolean> {
    const name = `told:${key}`
    if ((this.#state.once.peek(name) ?? 0) > this.#clock.nowMs()) return false
    await this.#write([{ t: 'told', key: name, until: untilMs }])
    return true
  }

  /** The chain itself says how many lines there are. */
  readonly audit: AuditDesk = {
    write: (entries) => this.#journal.together(entries.map((entry) => JSON.stringify(auditedOf(entry, this.#clock.nowMs())))),
    written: async () => undefined,
  }

  /** In one group. */
  #write(records: readonly JournalRecord[], audit?: AuditEntry): Promise<void> {
    for (const record of records) this.#state.apply(record)
    const all = audit === undefined ? records : [...records, auditedOf(audit, this.#clock.nowMs())]
    return this.#journal.together(all.map((record) => JSON.stringify(record)))
  }
}

function sumOf(tallies: Iterable<Pick<Tally, keyof UnitsUsed>>): UnitsUsed {
  const sum = { sold: 0, own: 0, wasted: 0, external: 0 }
  for (const { sold, own, wasted, external } of tallies) {
    sum.sold += sold
    sum.own += own
    sum.wasted += wasted
    sum.external += external
  }
  return sum as UnitsUsed
}
