/** The ledger for other programs: csv, JSON lines, and hledger's journal (hledger.org, "journal format"). */
import { formatUsd, type LedgerEntry } from '#contract'

export const LEDGER_FORMATS = ['csv', 'json', 'hledger'] as const
export type LedgerFormat = (typeof LEDGER_FORMATS)[number]

const TYPES: Readonly<Record<LedgerFormat, string>> = { csv: 'text/csv; charset=utf-8', json: 'application/x-ndjson', hledger: 'text/plain; charset=utf-8' }
/** Entries a piece: a piece each would be a write each. */
const PIECE = 256

export const ledgerType = (format: LedgerFormat): string => TYPES[format]
export const isLedgerFormat = (text: string): text is LedgerFormat => (LEDGER_FORMATS as readonly string[]).includes(text)

const PRINTERS: Readonly<Record<LedgerFormat, (entry: LedgerEntry) => string>> = { csv: csvOf, json: jsonOf, hledger: hledgerOf }

export async function* printLedger(entries: AsyncIterable<LedgerEntry>, format: LedgerFormat): AsyncIterable<string> {
  const print = PRINTERS[format]
  let piece = format === 'csv' ? 'id,at,kind,receipt,account,amount\n' : ''
  let count = 0
  for await (const entry of entries) {
    piece += print(entry)
    count += 1
    if (count % PIECE !== 0) continue
    yield piece
    piece = ''
  }
  yield piece
}

const iso = (atMs: number): string => new Date(atMs).toISOString()

/** RFC 4180. What a spreadsheet would take for a formula is quoted with an apostrophe. */
function field(text: string): string {
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const csvLine = (fields: readonly string[]): string => fields.map(field).join(',')

/** A line a posting. */
function csvOf({ id, atMs, kind, receipt, postings }: LedgerEntry): string {
  const head = csvLine([id, iso(atMs), kind, receipt ?? ''])
  return postings.map(({ account, amount }) => `${head},${field(account)},${formatUsd(amount)}\n`).join('')
}

/** A line an entry. */
function jsonOf({ id, atMs, kind, receipt, postings }: LedgerEntry): string {
  const told = postings.map(({ account, amount }) => ({ account, amount: formatUsd(amount) }))
  return `${JSON.stringify({ id, at: iso(atMs), kind, receipt: receipt ?? null, postings: told })}\n`
}

/** Two spaces end an account's name, a semicolon begins a comment: neither can stand in one. */
export const accountName = (account: string): string => account.replaceAll(/\s+/g, ' ').replaceAll(';', '_')

function hledgerOf({ id, atMs, kind, receipt, postings }: LedgerEntry): string {
  const head = `${iso(atMs).slice(0, 10)} * (${id.replaceAll(/[()\s]/g, '_')}) ${kind}${receipt === undefined ? '' : `  ; receipt: ${receipt}`}`
  return `${head}\n${postings.map(({ account, amount }) => `    ${accountName(account)}  ${formatUsd(amount)} USD\n`).join('')}\n`
}
