/** What a batch of groups adds up to: sums by account and by connection; few rows, whatever the number of calls. And how an entry is written on its page. */
import type { LedgerEntry, Month, Usd } from '#contract'
import { Balances } from './balances.ts'
import { creditOf } from './names.ts'
import type { Entry, TallyChange } from './postings.ts'

export interface Tally {
  readonly month: Month
  readonly connection: string
  readonly owner: string
  calls: number
  units: number
  own: number
  wasted: number
  revenue: bigint
  platform: bigint
}

export class Batch {
  readonly balances = new Balances()
  readonly #tallies = new Map<Month, Map<string, Tally[]>>()

  post({ month, postings }: Entry): void {
    for (const { account, amount } of postings) this.balances.add(month, account, amount)
  }

  tally(change: TallyChange): void {
    const tally = this.#tallyOf(change)
    tally.calls += change.calls
    tally.units += change.units
    tally.own += change.own
    tally.wasted += change.wasted
    tally.revenue += change.revenue
    tally.platform += change.platform
  }

  *tallies(): Iterable<Tally> {
    for (const connections of this.#tallies.values()) for (const owners of connections.values()) yield* owners
  }

  #tallyOf({ month, connection, owner }: TallyChange): Tally {
    const connections = this.#tallies.get(month) ?? new Map<string, Tally[]>()
    this.#tallies.set(month, connections)
    const owners = connections.get(connection) ?? []
    connections.set(connection, owners)
    let tally = owners.find((one) => one.owner === owner)
    if (tally === undefined) {
      tally = { month, connection, owner, calls: 0, units: 0, own: 0, wasted: 0, revenue: 0n, platform: 0n }
      owners.push(tally)
    }
    return tally
  }
}

/** Fields between tabs: id, at, kind, change of the balance, receipt or -, then account and amount of each posting. Names hold no tabs (configuration). */
export const writeEntry = ({ id, at, kind, amount, receipt, postings }: Entry): string => {
  let line = `${id}\t${at}\t${kind}\t${amount}\t${receipt ?? '-'}`
  for (const { account, amount: posted } of postings) line += `\t${account}\t${posted}`
  return line
}

/**
 * The lines of a page, each as `writeEntry` has it. Plain charges stand there in short: id and instant alone, under a line of two tabs and more
 * that says what was charged and to whom it is owed (`Deal` in pages.ts).
 */
export function linesIn(account: string, page: string): string[] {
  const lines = page.split('\n')
  const credit = creditOf(account)
  let deal = ''
  let price = ''
  let count = 0
  for (const line of lines) {
    const tab = line.indexOf('\t')
    if (tab === 0 && line[1] === '\t') {
      deal = line.slice(1)
      price = deal.slice(1, deal.indexOf('\t', 1))
      continue
    }
    const isWhole = deal === '' || tab === -1 || line.includes('\t', tab + 1)
    lines[count] = isWhole ? line : `${line}\tcharge\t-${price}\t${line.slice(0, tab)}\t${credit}${deal}`
    count += 1
  }
  lines.length = count
  return lines
}

/** The whole of a line. */
export function parseEntry(line: string): LedgerEntry {
  const [id = '', at = '0', kind = '', , receipt = '-', ...rest] = line.split('\t')
  const postings: { account: string; amount: Usd }[] = []
  for (let index = 0; index + 1 < rest.length; index += 2) postings.push({ account: rest[index] as string, amount: BigInt(rest[index + 1] as string) as Usd })
  const atMs = Number.parseInt(at, 10) as LedgerEntry['atMs']
  return { id, atMs, kind: kind as LedgerEntry['kind'], receipt: receipt === '-' ? undefined : receipt, postings }
}

/** The part of a line that a statement shows. */
export function readEntry(line: string): { at: number; kind: string; amount: bigint; receipt: string | undefined } {
  const [, at = '0', kind = '', amount = '0', receipt = '-'] = line.split('\t', 5)
  return { at: Number.parseInt(at, 10), kind, amount: BigInt(amount), receipt: receipt === '-' ? undefined : receipt }
}
