/** `atlas marketplace api`: what is on sale, and how it stands. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { Failure } from './context.ts'
import { cell, type Common, money, print, type Row } from './printing.ts'
import { bold, table } from './table.ts'

export function addMarketplaceCommands(program: Command, common: (command: Command) => Command): void {
  const api = program.command('marketplace').description('what is on sale').command('api').description('connections on sale')
  common(api.command('enable [name]').description('vet a connection and put it on sale, or all'))
    .option('--accept-risk', 'although it would be refused')
    .action(enable)
  common(api.command('disable [name]').description('take a connection off sale, or all')).action(disable)
  common(api.command('status').description('quota, sales and health of each connection')).action(status)
}

type Enabled = Row & {
  readonly refused: string | null
  readonly checks: readonly { readonly check: string; readonly result: string; readonly detail: string }[]
}
type Status = Row & { readonly warnings: readonly string[] }

async function enable(name: string | undefined, options: Common & { acceptRisk?: boolean }): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/enable', { names: name === undefined ? [] : [name], accept_risk: options.acceptRisk === true })
  const { connections } = answered.value as { connections: readonly Enabled[] }
  print(answered, options, () => connections.map(enabledText).join('\n'))
  const refused = connections.flatMap((row) => row.refused ?? [])
  if (refused.length > 0) throw new Failure(refused.join('\n'))
}

function enabledText({ name, enabled, vetted, refused, checks }: Enabled): string {
  const how =
    refused !== null ? `is not put on sale${enabled === true ? ', and was before' : ''}` : `is on sale${vetted === true ? ', vetted' : ', not vetted'}`
  return `${bold(cell(name))} ${how}\n${checks.map((one) => `  ${one.check}: ${one.result} (${one.detail})`).join('\n')}`
}

async function disable(name: string | undefined, options: Common): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/disable', { names: name === undefined ? [] : [name] })
  const { connections } = answered.value as { connections: readonly Row[] }
  print(answered, options, () => connections.map((row) => `${cell(row.name)} is off sale`).join('\n'))
}

async function status(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/status')
  const { connections } = answered.value as { connections: readonly Status[] }
  const numbers = ['quota', 'reserved', 'sold_units', 'own_units', 'wasted_units', 'external_units', 'units_left']
  const columns = [
    { title: 'connection' },
    { title: 'owner' },
    { title: 'on sale' },
    ...numbers.map((title) => ({ title: title.replace('_units', ''), align: 'right' as const })),
    { title: 'revenue', align: 'right' as const },
    { title: 'good', align: 'right' as const },
    { title: 'ms', align: 'right' as const },
    { title: 'health' },
    { title: 'resets' },
  ]
  const line = (row: Status): string[] => [
    ...[cell(row.name), cell(row.owner), cell(row.enabled)],
    ...numbers.map((name) => cell(row[name])),
    money(row.revenue),
    typeof row.success_rate === 'number' ? `${Math.floor(row.success_rate * 1000) / 10} %` : '-',
    cell(row.latency_ms),
    cell(row.health),
    cell(row.resets_at).slice(0, 10),
  ]
  const warnings = connections.flatMap((row) => row.warnings.map((sentence) => `\nwarning: ${sentence}`))
  print(answered, options, () => table(columns, connections.map(line)) + warnings.join(''))
}
