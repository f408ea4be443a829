/** Lines for other programs: csv (RFC 4180) and hledger's journal (hledger.org, "journal format"). */

/** What a spreadsheet would take for a formula is quoted with an apostrophe. */
function field(text: string): string {
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const csvLine = (fields: readonly string[]): string => fields.map(field).join(',')

/** An account and a plain decimal. */
export type Posting = readonly [account: string, amount: string]

/** Two spaces end an account's name, a semicolon begins a comment: neither can stand in one. */
const accountName = (account: string): string => account.replaceAll(/\s+/g, ' ').replaceAll(';', '_')

/** `date` is 2026-11-30. */
export function hledgerEntry({ date, code, what, postings }: { date: string; code: string; what: string; postings: readonly Posting[] }): string {
  return [`${date} * (${code}) ${what.replaceAll(';', ',')}`, ...postings.map(([account, amount]) => `    ${accountName(account)}  ${amount} USD`)].join('\n')
}
