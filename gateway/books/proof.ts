/** Reads every page again, in slices, on a view of the books that does not move: entries sum to zero, balances equal postings. */
import Database from 'libsql'
import { parseEntry } from './batch.ts'

export interface Proof {
  readonly check: 'entries sum to zero' | 'balances equal postings'
  readonly ok: boolean
  readonly detail: string
}

const SHOWN = 3

/** The rows of `file` as they are now; what is written meanwhile is not seen. */
export async function proven(file: string): Promise<readonly Proof[]> {
  const db = new Database(file, { readonly: true })
  db.defaultSafeIntegers(true)
  try {
    db.exec('begin')
    return await prove(db)
  } finally {
    db.close()
  }
}

async function prove(db: Database.Database): Promise<readonly Proof[]> {
  const sums = new Map<string, bigint>()
  const unbalanced: string[] = []
  let entries = 0
  let pages = 0
  for (const { lines } of db.prepare('select lines from page').iterate() as Iterable<{ lines: string }>) {
    for (const line of lines.split('\n')) {
      const { id, postings } = parseEntry(line)
      let sum = 0n
      for (const { account, amount } of postings) {
        sum += amount
        sums.set(account, (sums.get(account) ?? 0n) + amount)
      }
      if (sum !== 0n) unbalanced.push(`${id} sums to ${sum}`)
      entries += 1
    }
    pages += 1
    // The thread has calls to book, too.
    if (pages % 64 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const wrong: string[] = []
  const rows = db.prepare('select account, sum(amount) as amount from balance group by account').all() as { account: string; amount: bigint }[]
  for (const { account, amount } of rows) {
    if (amount !== (sums.get(account) ?? 0n)) wrong.push(`${account} is ${amount}, its postings are ${sums.get(account) ?? 0n}`)
    sums.delete(account)
  }
  for (const [account, amount] of sums) if (amount !== 0n) wrong.push(`${account} has no balance, its postings are ${amount}`)
  return [
    { check: 'entries sum to zero', ok: unbalanced.length === 0, detail: said(unbalanced, `${entries} entries`) },
    { check: 'balances equal postings', ok: wrong.length === 0, detail: said(wrong, `${rows.length} accounts`) },
  ]
}

export const said = (wrong: readonly string[], good: string): string =>
  wrong.length === 0 ? good : `${wrong.slice(0, SHOWN).join('; ')}${wrong.length > SHOWN ? `; and ${wrong.length - SHOWN} more` : ''}`
