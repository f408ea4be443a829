/** The operator's side of the Redis store: keys, credits, switches, counters, corrections, payouts. Reads ask Redis itself. */
import { randomBytes } from 'node:crypto'
import type {
  AuditDesk,
  AuditEntry,
  Connection,
  ConnectionCounters,
  Correction,
  CounterReading,
  CounterState,
  EpochMs,
  KeyRecord,
  KeyRotation,
  NewKey,
  Payout,
  PayoutDesk,
  StoreAdmin,
  Units,
  UnitsUsed,
  Usd,
} from '#contract'
import { lineOf } from '../lines.ts'
import { auditedOf, type JournalRecord } from '../records.ts'
import { storedKey } from '../state-parts.ts'
import { leftForSale } from '../stock.ts'
import { money } from './arguments.ts'
import type { Argument, Reply, Script } from './link.ts'
import { keyOf, keyText, readTally, tallyOf } from './mirrors.ts'
import type { RedisParts } from './parts.ts'
import { AUDIT, CORRECT, ENABLE, EXTERNAL, FIRST, KEY, PAYOUT, REVOKE } from './script-desk.ts'

const CREDIT = 'liab:credit:'
const AT_ONCE = 500
const NOTHING_USED = 0 as Units
const NONE: UnitsUsed = { sold: NOTHING_USED, own: NOTHING_USED, wasted: NOTHING_USED, external: NOTHING_USED }

const moveName = (): string => randomBytes(12).toString('hex')

export class RedisAdmin implements StoreAdmin {
  readonly #parts: RedisParts

  constructor(parts: RedisParts) {
    this.#parts = parts
  }

  configure(connections: readonly Connection[]): void {
    this.#parts.shelves.configure(connections)
    void this.#parts.mirrors.look()
  }

  async createKey({ credits, ...rest }: NewKey, audit?: AuditEntry): Promise<KeyRecord> {
    const at = this.#parts.clock.nowMs()
    const key: KeyRecord = { ...rest, account: rest.account ?? `key:${rest.id}`, createdAtMs: at }
    const lines: JournalRecord[] = [{ t: 'key', key: storedKey(key) }]
    if (credits > 0n) lines.push({ t: 'credit', id: `grant-${key.id}`, account: key.account, amount: credits.toString(), from: 'grant', at })
    await this.#move(KEY, [key.id, keyText(key), key.expiresAtMs ?? 0, key.account, money(credits), '', this.#parts.ledger, ...this.#lines(lines, audit)])
    this.#parts.mirrors.put(key)
    return key
  }

  async key(id: string): Promise<KeyRecord | undefined> {
    const text = await this.#parts.reading((redis) => redis.hget(`${this.#parts.link.prefix}keys`, id))
    return text === null ? undefined : keyOf(text)
  }

  async revokeKey(id: string, audit?: AuditEntry): Promise<boolean> {
    const key = await this.key(id)
    if (key === undefined) return false
    const at = this.#parts.clock.nowMs()
    const revoked = { ...key, revokedAtMs: at }
    await this.#move(REVOKE, [id, keyText(revoked), this.#parts.ledger, ...this.#lines([{ t: 'revoke', id, at }], audit)])
    if (key.revokedAtMs === undefined) this.#parts.mirrors.put(revoked)
    return true
  }

  async rotateKey(id: string, to: KeyRotation, audit?: AuditEntry): Promise<KeyRecord | undefined> {
    const old = await this.key(id)
    if (old === undefined || old.revokedAtMs !== undefined) return undefined
    const at = this.#parts.clock.nowMs()
    const key: KeyRecord = { ...old, ...to, createdAtMs: at }
    const ended = { ...old, revokedAtMs: at }
    const lines = this.#lines([{ t: 'rotate', from: id, key: storedKey(key) }], audit)
    const done = await this.#move(KEY, [key.id, keyText(key), key.expiresAtMs ?? 0, key.account, '0', id, this.#parts.ledger, keyText(ended), ...lines])
    if (done !== 1) return undefined
    this.#parts.mirrors.put(ended)
    this.#parts.mirrors.put(key)
    return key
  }

  async listKeys(note?: string): Promise<readonly KeyRecord[]> {
    const all = await this.#parts.reading((redis) => redis.hvals(`${this.#parts.link.prefix}keys`))
    const keys = all.map(keyOf).sort((a, b) => a.createdAtMs - b.createdAtMs)
    return note === undefined ? keys : keys.filter((key) => key.note === note)
  }

  async balance(account: string): Promise<Usd> {
    const posted = await this.#parts.reading((redis) => redis.hget(`${this.#parts.link.prefix}a:${account}`, 'p'))
    return BigInt(posted ?? '0') as Usd
  }

  async balances(): Promise<ReadonlyMap<string, Usd>> {
    const accounts = await this.#parts.reading((redis) => redis.smembers(`${this.#parts.link.prefix}accounts`))
    const found = new Map<string, Usd>()
    for (let from = 0; from < accounts.length; from += AT_ONCE) {
      const some = accounts.slice(from, from + AT_ONCE)
      const posted = await Promise.all(some.map((account) => this.balance(account)))
      for (const [index, account] of some.entries()) found.set(account, posted[index] as Usd)
    }
    return found
  }

  async setEnabled(connection: string, enabled: boolean, vetted: boolean, audit?: AuditEntry): Promise<void> {
    const state = `${enabled ? 1 : 0}${vetted ? 1 : 0}`
    const lines = this.#lines([{ t: 'enable', connection, enabled, vetted, at: this.#parts.clock.nowMs() }], audit)
    await this.#move(ENABLE, [moveName(), connection, state, this.#parts.ledger, ...lines])
    this.#parts.mirrors.turn(connection, state)
  }

  async counters(name: string): Promise<ConnectionCounters> {
    const { shelves, link, mirrors } = this.#parts
    const shelf = shelves.get(name)
    const values = await this.#parts.reading((redis) => readTally(redis, link.prefix, name, shelves.startMs(name)))
    const tally = tallyOf(values)
    const { sold, own, wasted, external, revenue } = tally
    return {
      ...{ sold: sold as Units, own: own as Units, wasted: wasted as Units, external: external as Units },
      ...{ enabled: mirrors.enabled(name), vetted: mirrors.vetted(name), revenue },
      left: (shelf === undefined ? 0 : leftForSale(shelf.connection, tally)) as Units,
      resetsAtMs: shelf?.period.endMs,
    }
  }

  async usage(): Promise<ReadonlyMap<string, UnitsUsed>> {
    const { link } = this.#parts
    const sums = new Map<string, UnitsUsed>()
    for (const key of await this.#parts.reading((redis) => redis.smembers(`${link.prefix}tallies`))) {
      const cut = key.lastIndexOf(':')
      const connection = key.slice(0, cut)
      const tally = tallyOf(await this.#parts.reading((redis) => readTally(redis, link.prefix, connection, Number.parseInt(key.slice(cut + 1), 10))))
      const sum = sums.get(connection) ?? NONE
      const plus = (kind: keyof UnitsUsed): Units => (sum[kind] + tally[kind]) as Units
      sums.set(connection, { sold: plus('sold'), own: plus('own'), wasted: plus('wasted'), external: plus('external') })
    }
    return sums
  }

  async correct({ id, reason, ref, postings }: Correction, audit?: AuditEntry): Promise<void> {
    if (postings.reduce((sum, { amount }) => sum + amount, 0n) !== 0n) throw new Error(`correction ${id} does not balance`)
    const amounts = postings.map(({ account, amount }) => ({ account, amount: amount.toString() }))
    const record: JournalRecord = { t: 'correct', id, at: this.#parts.clock.nowMs(), reason, ...(ref === undefined ? {} : { ref }), postings: amounts }
    const changes = postings.flatMap(({ account, amount }) => (account.startsWith(CREDIT) ? [account.slice(CREDIT.length), money(-amount)] : []))
    await this.#move(CORRECT, [id, this.#parts.ledger, changes.length / 2, ...changes, ...this.#lines([record], audit)])
  }

  readonly payouts: PayoutDesk = {
    open: async () => {
      const text = await this.#parts.reading((redis) => redis.hget(`${this.#parts.link.prefix}payout`, 'text'))
      if (text === null) return undefined
      const payout = JSON.parse(text) as Omit<Payout, 'amount'> & { readonly amount: string }
      return { ...payout, amount: BigInt(payout.amount) as Usd }
    },
    count: async () => Number.parseInt((await this.#parts.reading((redis) => redis.hget(`${this.#parts.link.prefix}payout`, 'count'))) ?? '0', 10),
    begin: async (payout, after) => {
      const stored = { ...payout, amount: payout.amount.toString() }
      const line = lineOf({ t: 'payout', payout: stored })
      return (await this.#move(PAYOUT, ['begin', payout.id, JSON.stringify(stored), String(after), this.#parts.ledger, line])) === 1
    },
    end: async (id, end) => {
      const detail = end.state === 'paid' ? end.block : end.reason
      const line = lineOf({ t: 'payout-end', id, state: end.state, detail, at: this.#parts.clock.nowMs() })
      await this.#move(PAYOUT, ['end', id, '', '', this.#parts.ledger, line])
    },
  }

  async external({ connection, used, askedAtMs, endedBefore }: CounterReading): Promise<CounterState | undefined> {
    const period = this.#parts.shelves.get(connection)?.period
    if (period === undefined || askedAtMs < period.startMs) return undefined
    const tally = `${connection}:${period.startMs}`
    const record: JournalRecord = { t: 'external', connection, period: period.startMs, at: this.#parts.clock.nowMs(), units: 0 }
    // The last member is written by the script.
    const head = lineOf(record).slice(0, -'0}'.length)
    const reply = (await this.#move(EXTERNAL, [tally, used, endedBefore ?? '', this.#parts.ledger, head])) as readonly Reply[]
    const [external = 0, ended = 0] = reply.map(Number)
    return { external: external as Units, ended: ended as Units, periodStartMs: period.startMs, periodEndMs: period.endMs }
  }

  async first(key: string, untilMs: EpochMs): Promise<boolean> {
    return (await this.#move(FIRST, [key, untilMs, randomBytes(8).toString('hex')])) === 1
  }

  readonly audit: AuditDesk = {
    write: async (entries) => {
      const at = this.#parts.clock.nowMs()
      await this.#move(AUDIT, [moveName(), this.#parts.ledger, ...entries.map((entry) => lineOf(auditedOf(entry, at)))])
    },
    written: async () => {
      const count = await this.#parts.reading((redis) => redis.hget(`${this.#parts.link.prefix}audited`, this.#parts.ledger))
      return Number.parseInt(count ?? '0', 10)
    },
  }

  #lines(records: readonly JournalRecord[], audit: AuditEntry | undefined): readonly string[] {
    const all = audit === undefined ? records : [...records, auditedOf(audit, this.#parts.clock.nowMs())]
    return all.map(lineOf)
  }

  #move(one: Script, args: readonly Argument[]) {
    return this.#parts.doing(this.#parts.link.surely(one, [this.#parts.testTime(), ...args]))
  }
}
