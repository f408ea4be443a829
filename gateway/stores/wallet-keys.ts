/** Keys that spend the balance of a wallet, by its account: few of all keys, so that nothing grows with the others. */
import type { KeyRecord } from '#contract'

const WALLET = 'wallet:'

export class WalletKeys {
  readonly #keys = new Map<string, Map<string, KeyRecord>>()

  put(key: KeyRecord): void {
    if (!key.account.startsWith(WALLET)) return
    const keys = this.#keys.get(key.account) ?? new Map<string, KeyRecord>()
    if (key.revokedAtMs === undefined) keys.set(key.id, key)
    else keys.delete(key.id)
    if (keys.size === 0) this.#keys.delete(key.account)
    else this.#keys.set(key.account, keys)
  }

  /** Those that are not revoked, oldest first. */
  of(account: string): readonly KeyRecord[] {
    return [...(this.#keys.get(account)?.values() ?? [])]
  }
}
