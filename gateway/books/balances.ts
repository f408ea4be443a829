/** Sums by account and month. */
import type { Month } from '#contract'

export interface Balance {
  readonly account: string
  readonly month: Month
  readonly amount: bigint
}

export class Balances {
  readonly #months = new Map<Month, Map<string, bigint>>()

  add(month: Month, account: string, amount: bigint): void {
    let sums = this.#months.get(month)
    if (sums === undefined) {
      sums = new Map()
      this.#months.set(month, sums)
    }
    sums.set(account, (sums.get(account) ?? 0n) + amount)
  }

  *rows(): Iterable<Balance> {
    for (const [month, sums] of this.#months) for (const [account, amount] of sums) yield { account, month, amount }
  }
}
