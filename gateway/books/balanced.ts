/** Postings that sum to zero because there is no way to make others. */

export interface Posting {
  readonly account: string
  readonly amount: bigint
}

declare const balanced: unique symbol

/** Sums to zero: made by `moved` and `balancedBy` alone. */
export type Postings = readonly Posting[] & { readonly [balanced]: true }

/** From one account to another: the first is debited, the second credited. Nothing else makes money appear, so nothing is left over. */
export function moved(...moves: readonly (readonly [debit: string, credit: string, amount: bigint])[]): Postings {
  const sums: Posting[] = []
  for (const [debit, credit, amount] of moves) {
    add(sums, debit, amount)
    add(sums, credit, -amount)
  }
  return sums.filter(isMoved) as unknown as Postings
}

const isMoved = ({ amount }: Posting): boolean => amount !== 0n

/** Few accounts: to look through them is quicker than a map. */
function add(sums: Posting[], account: string, amount: bigint): void {
  for (let index = 0; index < sums.length; index += 1) {
    const sum = sums[index] as Posting
    if (sum.account !== account) continue
    sums[index] = { account, amount: sum.amount + amount }
    return
  }
  sums.push({ account, amount })
}

/** As they were given; what is left over, which the store refuses, would stand on `rest` for everybody to see. */
export function balancedBy(rest: string, given: readonly Posting[]): Postings {
  const sums = new Map<string, bigint>()
  for (const { account, amount } of given) sums.set(account, (sums.get(account) ?? 0n) + amount)
  const left = given.reduce((sum, { amount }) => sum + amount, 0n)
  sums.set(rest, (sums.get(rest) ?? 0n) - left)
  return postingsOf(sums)
}

function postingsOf(sums: ReadonlyMap<string, bigint>): Postings {
  const postings: Posting[] = []
  for (const [account, amount] of sums) if (amount !== 0n) postings.push({ account, amount })
  return postings as unknown as Postings
}

export const NO_POSTINGS = moved()
