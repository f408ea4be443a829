/** The commands besides `start`: each asks the gateway (or its store) and prints a table, or JSON with --json. */
import type { Command } from 'commander'
import { type Ratio, parseDecimal, parseUsd, roundedUp, timesRatio, ratio, type Usd } from '#contract'
import { estimate } from '../../office/index.ts'
import { type Answered, ask } from './asking.ts'
import { check } from './check.ts'
import { Failure } from './context.ts'
import { bold, table } from './table.ts'

export interface Common {
  readonly config?: string
  readonly json?: boolean
}

export type Row = Readonly<Record<string, string | number | boolean | null>>

export const cell = (value: Row[string] | undefined): string =>
  value === null || value === undefined ? '-' : value === true ? 'yes' : value === false ? 'no' : String(value)
export const money = (value: Row[string] | undefined): string => (typeof value === 'string' ? value.replace(/^(-?)/, '$1$') : '-')
const signed = (value: Row[string] | undefined): string => (typeof value === 'string' && !value.startsWith('-') ? `+$${value}` : money(value))

export function print(answered: Answered, { json }: Common, show: () => string): void {
  process.stderr.write(`${answered.by}\n`)
  process.stdout.write(`${json === true ? JSON.stringify(answered.value, null, 2) : show()}\n`)
}

/** What every command takes. */
export const withCommon = (command: Command): Command => command.option('--config <file>', 'the configuration').option('--json', 'machine-readable output')

export function addCommands(program: Command): void {
  const common = withCommon
  common(program.command('check').description('check the configuration: every problem and warning with its place'))
    .option('--online', 'ask facilitators and nodes, too')
    .action(check)
  const api = program.command('marketplace').description('what is on sale').command('api').description('connections on sale')
  common(api.command('enable [name]').description('put a connection on sale, or all')).option('--accept-risk', 'although live mode would refuse').action(enable)
  common(api.command('disable [name]').description('take a connection off sale, or all')).action(disable)
  common(api.command('status').description('quota, sales and health of each connection')).action(status)
  common(program.command('report').description('what was sold in a month, and who gets what of it'))
    .option('--month <month>', 'for example 2026-11; default: this month (UTC)')
    .option('--owner <name>', "one owner's connections")
    .action(report)
  addEstimate(common(program.command('estimate').description('what a subscription would earn')))
}

async function enable(name: string | undefined, options: Common & { acceptRisk?: boolean }): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/enable', { names: name === undefined ? [] : [name], accept_risk: options.acceptRisk === true })
  const { connections } = answered.value as { connections: readonly (Row & { checks: readonly { check: string; result: string; detail: string }[] })[] }
  print(answered, options, () =>
    connections
      .map(
        ({ name: which, vetted, checks }) =>
          `${bold(cell(which))} is on sale${vetted === true ? ', vetted' : ''}\n${checks.map((one) => `  ${one.check}: ${one.result} (${one.detail})`).join('\n')}`,
      )
      .join('\n'),
  )
}

async function disable(name: string | undefined, options: Common): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/disable', { names: name === undefined ? [] : [name] })
  const { connections } = answered.value as { connections: readonly Row[] }
  print(answered, options, () => connections.map((row) => `${cell(row.name)} is off sale`).join('\n'))
}

async function status(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/status')
  const { connections } = answered.value as { connections: readonly Row[] }
  const numbers = ['quota', 'reserved', 'sold_units', 'own_units', 'wasted_units', 'units_left']
  const columns = [
    { title: 'connection' },
    { title: 'owner' },
    { title: 'on sale' },
    ...numbers.map((title) => ({ title: title.replace('_units', ''), align: 'right' as const })),
    { title: 'revenue', align: 'right' as const },
    { title: 'health' },
    { title: 'resets' },
  ]
  print(answered, options, () => {
    const shown = table(
      columns,
      connections.map((row) => [
        cell(row.name),
        cell(row.owner),
        cell(row.enabled),
        ...numbers.map((name) => cell(row[name])),
        money(row.revenue),
        cell(row.health),
        cell(row.resets_at).slice(0, 10),
      ]),
    )
    const paused = connections.filter((row) => typeof row.paused_because === 'string')
    return [shown, ...paused.map((row) => `${cell(row.name)}: ${cell(row.paused_because)}`)].join('\n')
  })
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

function addEstimate(command: Command): void {
  command
    .requiredOption('--quota <units>', 'units a month')
    .requiredOption('--used <units>', 'units that the owner uses himself')
    .requiredOption('--sold <units>', 'units that are sold')
    .requiredOption('--base <amount>', 'base cost of a unit, for example $0.05')
    .requiredOption('--markup <factor>', 'for example 3x')
    .requiredOption('--subscription <amount>', 'what the subscription costs a month, for example $500')
    .action(estimated)
}

function estimated(options: Common & Readonly<Record<'quota' | 'used' | 'sold' | 'base' | 'markup' | 'subscription', string>>): void {
  const count = (name: 'quota' | 'used' | 'sold'): number => {
    if (!/^\d{1,15}$/.test(options[name])) throw new Failure(`--${name} ${options[name]} is no count of units; expected for example 10000`, 2)
    return Number(options[name])
  }
  const base = decimal('base', options.base.replace(/^\$/, ''), '$0.05')
  const markup = decimal('markup', options.markup.replace(/x$/, ''), '3x')
  const subscription = parseUsd(options.subscription)
  if (subscription === undefined) throw new Failure(`--subscription ${options.subscription} is no amount; expected for example $500`, 2)
  const unitPrice = roundedUp(timesRatio(timesRatio(base, markup), ratio(1_000_000n, 1n))) as Usd
  const value = estimate({ quota: count('quota'), used: count('used'), sold: count('sold'), unitPrice, subscription }) as Row
  const lines: [string, string][] = [
    ['units for sale', cell(value.available)],
    ['price of a unit', money(value.price)],
    ['revenue', money(value.revenue)],
    ["owner's share (90%)", money(value.owner_share)],
    ['platform (10%)', money(value.platform_share)],
    ['subscription', money(value.subscription_cost)],
    ['net profit', signed(value.net_profit)],
  ]
  const show = (): string => lines.map(([name, amount]) => `${name.padEnd(22)}${amount.padStart(12)}`).join('\n')
  process.stdout.write(`${options.json === true ? JSON.stringify(value, null, 2) : show()}\n`)
}

function decimal(name: string, text: string, example: string): Ratio {
  const value = parseDecimal(text)
  if (value === undefined) throw new Failure(`--${name} ${text} is no number; expected for example ${example}`, 2)
  return value
}
