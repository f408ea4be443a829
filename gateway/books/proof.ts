/** Reads every page again, in slices, on a view of the books that does not move: entries sum to zero, balances equal postings, and the chain where the lines are kept. */
import { createHash } from 'node:crypto'
import Database from 'libsql'
import { type LedgerCheck, monthOf, type PlacedLine } from '#contract'
import { auditIn, Beside, type OwnProof } from './audit.ts'
import { AuditRows } from './audit-rows.ts'
import { Balances } from './balances.ts'
import { linesIn, parseEntry } from './batch.ts'
import { bytesOf, countOf, linesOf } from './blobs.ts'

const SHOWN = 3
const SLICE = 64
/** Read at once. */
const PAGES = 16
const GENESIS = '0'.repeat(64)

/** The rows of `file` as they are now; what is written meanwhile is not seen. */
export async function proven(file: string, { keepsLines }: { readonly keepsLines: boolean }): Promise<readonly LedgerCheck[]> {
  const db = new Database(file, { readonly: true })
  db.defaultSafeIntegers(true)
  try {
    db.exec('begin')
    return [...(await proveEntries(db)), ...(keepsLines ? [await proveChain(db)] : [])]
  } finally {
    db.close()
  }
}

interface PageRow {
  readonly place: bigint
  readonly account: string
  readonly lines: string
}

/** The thread has calls to book, too. */
const others = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A page of much use may have thousands of entries: few of them are in memory at a time. */
function* pagesOf(db: Database.Database): Iterable<PageRow> {
  const next = db.prepare('select rowid as place, account, lines from page where rowid > ? order by rowid limit ?')
  for (let last = 0n; ; ) {
    const rows = next.all(last, PAGES) as PageRow[]
    yield* rows
    const end = rows.at(-1)
    if (end === undefined) return
    last = end.place
  }
}

async function proveEntries(db: Database.Database): Promise<readonly LedgerCheck[]> {
  const sums = new Balances()
  const unbalanced: string[] = []
  let entries = 0
  let pages = 0
  for (const { account, lines } of pagesOf(db)) {
    for (const line of linesIn(account, lines)) {
      const { id, atMs, postings } = parseEntry(line)
      const month = monthOf(atMs)
      let sum = 0n
      for (const { account: posted, amount } of postings) {
        sum += amount
        sums.add(month, posted, amount)
      }
      if (sum !== 0n) unbalanced.push(`${id} sums to ${sum}`)
      if (postings.length > 0) entries += 1
    }
    pages += 1
    if (pages % SLICE === 0) await others()
  }
  const { wrong, accounts } = compare(db, sums)
  return [
    { check: 'entries sum to zero', ok: unbalanced.length === 0, detail: said(unbalanced, `${entries} entries`) },
    { check: 'balances equal postings', ok: wrong.length === 0, detail: said(wrong, `${accounts} accounts`) },
  ]
}

function compare(db: Database.Database, sums: Balances): { wrong: readonly string[]; accounts: number } {
  const wrong: string[] = []
  const accounts = new Set<string>()
  const expected = new Map([...sums.rows()].map(({ account, month, amount }) => [`${account} in ${month}`, amount]))
  for (const row of db.prepare('select account, month, amount from balance').iterate() as Iterable<{ account: string; month: string; amount: bigint }>) {
    const key = `${row.account} in ${row.month}`
    const sum = expected.get(key) ?? 0n
    if (row.amount !== sum) wrong.push(`${key} is ${row.amount}, its postings are ${sum}`)
    expected.delete(key)
    accounts.add(row.account)
  }
  for (const [key, amount] of expected) if (amount !== 0n) wrong.push(`${key} has no balance, its postings are ${amount}`)
  return { wrong, accounts: accounts.size }
}

/** Groups in order, as they are kept; what is wrong with their chain is added to `broken`. */
async function* kept(db: Database.Database, broken: string[]): AsyncGenerator<Standing & { readonly body: Uint8Array }, Standing> {
  let hash = GENESIS
  let count = 0
  for (const row of db.prepare('select sequence, hash, body from grp order by sequence').iterate() as Iterable<{
    sequence: bigint
    hash: string
    body: ArrayBuffer | Uint8Array
  }>) {
    count += 1
    const body = bytesOf(row.body)
    const expected = createHash('sha256').update(hash).update(body).digest('hex')
    if (row.sequence !== BigInt(count)) broken.push(`group ${count} is not there`)
    if (row.hash !== expected) broken.push(`group ${row.sequence} does not match its hash`)
    count = countOf(row.sequence)
    hash = row.hash
    yield { sequence: count, hash, body }
    if (count % SLICE === 0) await others()
  }
  const read = metaOf(db)
  if (read.sequence !== count) broken.push(`the chain ends with group ${count}, the books have read group ${read.sequence}`)
  else if (count > 0 && read.hash !== hash) broken.push(`the chain ends with ${hash.slice(0, 8)}, the books have read ${read.hash.slice(0, 8)}`)
  return { sequence: count, hash }
}

interface Standing {
  readonly sequence: number
  readonly hash: string
}

function metaOf(db: Database.Database): Standing {
  const rows = db.prepare('select name, value from meta').all() as { name: string; value: string }[]
  const meta = new Map(rows.map(({ name, value }) => [name, value]))
  return { sequence: Number.parseInt(meta.get('sequence') ?? '0', 10), hash: meta.get('hash') ?? '' }
}

async function proveChain(db: Database.Database): Promise<LedgerCheck> {
  const broken: string[] = []
  let count = 0
  for await (const { sequence } of kept(db, broken)) count = sequence
  return { check: 'the chain is whole', ok: broken.length === 0, detail: said(broken, `${count} groups`) }
}

/** The same view; where the lines are not kept there is nothing to compare the rows with here. */
export async function provenAudit(file: string, { keepsLines }: { readonly keepsLines: boolean }): Promise<OwnProof> {
  const db = new Database(file, { readonly: true })
  db.defaultSafeIntegers(true)
  try {
    db.exec('begin')
    const rows = new AuditRows(db)
    const standing = metaOf(db)
    if (!keepsLines) return { ...standing, lines: rows.count, groups: standing.sequence, problems: [] }
    const broken: string[] = []
    const beside = new Beside()
    let from = 1
    let chain: PlacedLine[] = []
    for await (const { sequence, body } of kept(db, broken)) {
      chain.push(...auditIn(linesOf(body), sequence))
      if (sequence < from + SLICE) continue
      beside.block(chain, rows.between(from, sequence))
      from = sequence + 1
      chain = []
    }
    beside.block(chain, rows.between(from, Number.MAX_SAFE_INTEGER))
    return { ...standing, lines: beside.lines, groups: standing.sequence, problems: [...broken.slice(0, 1), ...beside.problems] }
  } finally {
    db.close()
  }
}

export const said = (wrong: readonly string[], good: string): string =>
  wrong.length === 0 ? good : `${wrong.slice(0, SHOWN).join('; ')}${wrong.length > SHOWN ? `; and ${wrong.length - SHOWN} more` : ''}`
