/** Configuration and report: each command asks the gateway (or its store) and prints a table, or JSON with --json. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { check } from './check.ts'
import { Failure } from './context.ts'
import { cell, type Common, money, print, type Row, signed } from './printing.ts'
import { table } from './table.ts'

/** What every command takes. */
export const withCommon = (command: Command): Command => command.option('--config <file>', 'the configuration').option('--json', 'machine-readable output')

export function addCommands(program: Command): void {
  const common = withCommon
  common(program.command('check').description('check the configuration: every problem and warning with its place'))
    .option('--online', 'ask facilitators and nodes, too')
    .action(check)
  common(program.command('report').description('what was sold in a month, and who gets what of it'))
    .option('--month <month>', 'for example 2026-11; default: this month (UTC)')
    .option('--owner <name>', "one owner's connections")
    .action(report)
}

async function report(options: Common & { month?: string; owner?: string }): Promise<void> {
  const { month, owner } = options
  if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw new Failure(`--month ${month} is no month; expected for example 2026-11`, 2)
  const answered = await ask(options.config, 'GET', '/api/report', { ...(month === undefined ? {} : { month }), ...(owner === undefined ? {} : { owner }) })
  const value = answered.value as { month: string; connections: readonly Row[]; total: Row }
  const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' })
  const columns = [
    { title: value.month },
    { title: 'owner' },
    right('calls'),
    right('units'),
    right('own'),
    right('revenue'),
    right("owner's share"),
    right('platform'),
    right('subscription'),
    right('net profit'),
  ]
  const line = (row: Row, name: string): string[] => [
    name,
    cell(row.owner),
    ...[row.calls_sold, row.units_sold, row.own_units].map(cell),
    ...[row.revenue, row.owner_share, row.platform_share, row.subscription_cost].map(money),
    signed(row.net_profit),
  ]
  print(answered, options, () => table(columns, [...value.connections.map((row) => line(row, cell(row.name))), line({ ...value.total, owner: '' }, 'total')]))
}
