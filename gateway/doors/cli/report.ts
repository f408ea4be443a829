/** `atlas report`: what was sold in a month and who gets what of it, for people (table) and for other programs (csv, json, hledger). */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { Failure, loadGood } from './context.ts'
import { accountName, csvLine } from '../../office/ledger.ts'
import { COLUMNS } from '../../office/report.ts'
import { cell, type Common, money, print, type Row, signed } from './printing.ts'
import { oneOf } from './suggesting.ts'
import { right, table } from './table.ts'

const FORMATS = ['table', 'csv', 'json', 'hledger'] as const

interface Options extends Common {
  readonly month?: string
  readonly owner?: string
  readonly format?: string
}

interface Report {
  readonly month: string
  readonly connections: readonly Row[]
  readonly total: Row
}

export function addReportCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('report').description('what was sold in a month, and who gets what of it'))
    .option('--month <month>', 'for example 2026-11; default: this month (UTC)')
    .option('--owner <name>', "one owner's connections")
    .option('--format <format>', `${FORMATS.join(', ')}; default: table`)
    .action(report)
}

async function report(options: Options): Promise<void> {
  const { month, owner } = options
  const format = formatOf(options)
  if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw new Failure(`--month ${month} is no month; expected for example 2026-11`, 2)
  const answered = await ask(options.config, 'GET', '/api/report', { ...(month === undefined ? {} : { month }), ...(owner === undefined ? {} : { owner }) })
  const value = answered.value as Report
  if (owner !== undefined && value.connections.length === 0) {
    const { config } = await loadGood(options.config)
    throw new Failure(oneOf({ what: 'owner', named: owner, of: config.connections.map((one) => one.owner) }))
  }
  print(answered, { json: format === 'json' }, () => SHOWN[format](value))
}

function formatOf({ json, format }: Options): (typeof FORMATS)[number] {
  const chosen = FORMATS.find((one) => one === (format ?? 'table'))
  if (chosen === undefined) throw new Failure(oneOf({ what: 'format', option: '--format', named: format ?? '', of: FORMATS }), 2)
  if (json === true && format !== undefined && chosen !== 'json') throw new Failure(`--json and --format ${chosen} are two formats; expected one of them`, 2)
  return json === true ? 'json' : chosen
}

const SHOWN: Readonly<Record<Exclude<(typeof FORMATS)[number], 'json'>, (report: Report) => string>> & { readonly json: (report: Report) => string } = {
  table: tableOf,
  csv: csvOf,
  hledger: hledgerOf,
  json: (report) => JSON.stringify(report),
}

const SHOWN_AS = { count: cell, amount: money, result: signed }

function tableOf({ month, connections, total }: Report): string {
  const line = (row: Row, name: string, owner: string): string[] => [name, owner, ...COLUMNS.map(({ member, kind }) => SHOWN_AS[kind](row[member]))]
  const rows = [...connections.map((row) => line(row, cell(row.name), cell(row.owner))), line(total, 'total', '')]
  return table([{ title: month }, { title: 'owner' }, ...COLUMNS.map(({ title }) => right(title))], rows)
}

const MEMBERS = ['name', 'owner', ...COLUMNS.map(({ member }) => member)]

/** A line a connection; whoever reads it sums for himself. */
function csvOf({ month, connections }: Report): string {
  return [['month', ...MEMBERS], ...connections.map((row) => [month, ...MEMBERS.map((member) => String(row[member]))])].map(csvLine).join('\n')
}

/** An account and a plain decimal. */
type Posting = readonly [account: string, amount: string]

/** `date` is 2026-11-30. */
function hledgerEntry({ date, code, what, postings }: { date: string; code: string; what: string; postings: readonly Posting[] }): string {
  return [`${date} * (${code}) ${what.replaceAll(';', ',')}`, ...postings.map(([account, amount]) => `    ${accountName(account)}  ${amount} USD`)].join('\n')
}

/** Of the month's last day: two entries a connection, what was sold and what it cost its owner. Accounts as in `ledger export`. */
function hledgerOf({ month, connections }: Report): string {
  const [year = 0, number = 1] = month.split('-').map(Number)
  const date = new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10)
  const entries = connections.flatMap((row) => {
    const [name, owner] = [cell(row.name), cell(row.owner)]
    const sold: Posting[] = [
      ['asset:consumers', amount(row.revenue)],
      [`liab:owner:${owner}`, negative(row.owner_share)],
      ['rev:platform', negative(row.platform_share)],
    ]
    const paid: Posting[] = [
      [`expense:subscription:${name}`, amount(row.subscription_cost)],
      [`equity:owner:${owner}`, negative(row.subscription_cost)],
    ]
    const what = `${name}, ${cell(row.calls_sold)} calls, ${cell(row.units_sold)} units sold, ${cell(row.own_units)} own`
    return [hledgerEntry({ date, code: month, what, postings: sold }), hledgerEntry({ date, code: month, what: `${name}, subscription`, postings: paid })]
  })
  return entries.join('\n\n')
}

const amount = (value: Row[string] | undefined): string => String(value)
const negative = (value: Row[string] | undefined): string => {
  const text = amount(value)
  return text.startsWith('-') ? text.slice(1) : /^[0.]+$/.test(text) ? text : `-${text}`
}
