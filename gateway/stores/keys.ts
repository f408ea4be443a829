/** Keys by id and by hash: most stand in a snapshot's table and become objects when they are asked for, those of late as they are. */
import type { KeyRecord } from '#contract'
import { hashOfKey, idLists, readKey, restOfKey } from './codecs.ts'
import { Base, Layered } from './layered.ts'
import type { Index, Table } from './table.ts'

const WALLET = 'wallet:'
/** Of keys that have not changed so many stay objects after they were asked for, and as many again of those before them. */
const SEEN = 32_768

export class Keys {
  readonly #over = new Map<string, KeyRecord>()
  readonly #overByHash = new Map<string, KeyRecord>()
  #base: Base | undefined
  #byHash: Index | undefined
  #seen = new Map<number, KeyRecord>()
  #seenBefore = new Map<number, KeyRecord>()
  /** Ids of the keys that spend the balance of a wallet and are not revoked, oldest first, by its account. */
  readonly wallets = new Layered<readonly string[]>(idLists)

  /** Once, before anything stands above. */
  putTable(table: Table, byHash: Index): void {
    if (table.count === 0) return
    this.#base = new Base(table)
    this.#byHash = byHash
  }

  get base(): { readonly base: Base; readonly byHash: Index } | undefined {
    return this.#base === undefined || this.#byHash === undefined ? undefined : { base: this.#base, byHash: this.#byHash }
  }

  get size(): number {
    return this.#over.size + (this.#base?.size ?? 0)
  }

  get(id: string): KeyRecord | undefined {
    const found = this.#over.get(id)
    if (found !== undefined || this.#base === undefined) return found
    const entry = this.#base.find(id)
    return entry === -1 ? undefined : this.#read(this.#base, entry)
  }

  byHash(hash: string): KeyRecord | undefined {
    const found = this.#overByHash.get(hash)
    if (found !== undefined || this.#base === undefined) return found
    const entry = this.#base.table.findBy(this.#byHash as Index, hash, this.#isHash)
    return entry === -1 || this.#base.isHidden(entry) ? undefined : this.#read(this.#base, entry)
  }

  readonly #isHash = (entry: number, hash: string): boolean => {
    const { table } = this.#base as Base
    return hashOfKey(table.heap, table.valueOf(entry)) === hash
  }

  /** The same object each time, while it is remembered: others remember what they made of it. */
  #read({ table }: Base, entry: number): KeyRecord {
    let key = this.#seen.get(entry)
    if (key !== undefined) return key
    key = this.#seenBefore.get(entry) ?? readKey(table.keyOf(entry), table.heap, table.valueOf(entry))
    if (this.#seen.size === SEEN) {
      this.#seenBefore = this.#seen
      this.#seen = new Map()
    }
    this.#seen.set(entry, key)
    return key
  }

  put(key: KeyRecord): void {
    const below = this.#over.has(key.id) ? -1 : (this.#base?.find(key.id) ?? -1)
    if (below !== -1) this.#base?.hide(below)
    this.#over.set(key.id, key)
    this.#overByHash.set(key.hash, key)
    if (key.account.startsWith(WALLET)) this.#putWallet(key)
  }

  #putWallet({ id, account, revokedAtMs }: KeyRecord): void {
    const ids = this.wallets.peek(account) ?? []
    const isThere = ids.includes(id)
    if (isThere === (revokedAtMs === undefined)) return
    const now = isThere ? ids.filter((one) => one !== id) : [...ids, id]
    if (now.length === 0) this.wallets.delete(account)
    else this.wallets.set(account, now)
  }

  /** Those that spend the balance of this wallet and are not revoked, oldest first. */
  ofAccount(account: string): readonly KeyRecord[] {
    return account.startsWith(WALLET) ? (this.wallets.peek(account) ?? []).map((id) => this.get(id) as KeyRecord) : []
  }

  /** In the order in which they were made. */
  *values(): IterableIterator<KeyRecord> {
    const base = this.#base
    if (base === undefined) return yield* this.#over.values()
    const { table } = base
    for (let entry = 0; entry < table.count; entry += 1) {
      if (base.isHidden(entry)) yield this.#over.get(table.keyOf(entry)) as KeyRecord
      else yield readKey(table.keyOf(entry), table.heap, table.valueOf(entry))
    }
    yield* this.above()
  }

  /** What the table does not have. */
  *above(): IterableIterator<KeyRecord> {
    for (const [id, key] of this.#over) if (this.#base === undefined || this.#base.table.find(id) === -1) yield key
  }

  /** Those with this note, without making an object of every key. */
  *noted(note: string): IterableIterator<KeyRecord> {
    if (this.#base !== undefined) {
      const { table } = this.#base
      const text = JSON.stringify(note)
      for (let entry = 0; entry < table.count; entry += 1) {
        if (this.#base.isHidden(entry) || restOfKey(table.heap, table.valueOf(entry))?.includes(text) !== true) continue
        const key = this.#read(this.#base, entry)
        if (key.note === note) yield key
      }
    }
    for (const key of this.#over.values()) if (key.note === note) yield key
  }
}
