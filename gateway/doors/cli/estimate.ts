/** `atlas estimate`: what a subscription would earn; with --api beside what the provider itself asks by the call. */
import type { Command } from 'commander'
import { besideOwn, dollars, parseDecimal, parseUsd, type Ratio, ratio, some, timesRatio, unitPriceOf, type Usd } from '#contract'
import { estimate } from '../../office/report.ts'
import { adapters, Failure } from './context.ts'
import { cell, type Common, money, type Row, signed } from './printing.ts'

export function addEstimateCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('estimate').description('what a subscription would earn'))
    .requiredOption('--quota <units>', 'units a month')
    .requiredOption('--used <units>', 'units that the owner uses himself')
    .requiredOption('--sold <units>', 'units that are sold')
    .requiredOption('--base <amount>', 'base cost of a unit, for example $0.05')
    .requiredOption('--markup <factor>', 'for example 3x')
    .requiredOption('--subscription <amount>', 'what the subscription costs a month, for example $500')
    .option('--api <name>', 'compare with what this provider itself asks by the call')
    .option('--operation <id>', 'of that API, this operation only')
    .action(estimated)
}

interface Options extends Common, Readonly<Record<'quota' | 'used' | 'sold' | 'base' | 'markup' | 'subscription', string>> {
  readonly api?: string
  readonly operation?: string
}

async function estimated(options: Options): Promise<void> {
  const count = (name: 'quota' | 'used' | 'sold'): number => {
    if (!/^\d{1,15}$/.test(options[name])) throw new Failure(`--${name} ${options[name]} is no count of units; expected for example 10000`, 2)
    return Number(options[name])
  }
  const base = decimal('base', options.base.replace(/^\$/, ''), '$0.05')
  const markup = decimal('markup', options.markup.replace(/x$/, ''), '3x')
  const subscription = parseUsd(options.subscription)
  if (subscription === undefined) throw new Failure(`--subscription ${options.subscription} is no amount; expected for example $500`, 2)
  const unitPrice = unitPriceOf(timesRatio(base, ratio(1_000_000n, 1n)), markup)
  const value = estimate({ quota: count('quota'), used: count('used'), sold: count('sold'), unitPrice, subscription }) as Row
  const warnings = await besideProvider(options, unitPrice)
  const lines: [string, string][] = [
    ['units for sale', cell(value.available)],
    ['price of a unit', money(value.price)],
    ['revenue', money(value.revenue)],
    ["owner's share (90%)", money(value.owner_share)],
    ['platform (10%)', money(value.platform_share)],
    ['subscription', money(value.subscription_cost)],
    ['net profit', signed(value.net_profit)],
  ]
  const shown = [...lines.map(([name, amount]) => `${name.padEnd(22)}${amount.padStart(12)}`), ...warnings.map((sentence) => `\nwarning: ${sentence}`)]
  process.stdout.write(`${options.json === true ? JSON.stringify(options.api === undefined ? value : { ...value, warnings }, null, 2) : shown.join('\n')}\n`)
}

/** Buyers can go to the provider itself: what would be dearer than there, with both figures. */
async function besideProvider({ api, operation }: Options, unitPrice: Usd): Promise<readonly string[]> {
  if (api === undefined) {
    if (operation !== undefined) throw new Failure('--operation needs --api, the name of its adapter', 2)
    return []
  }
  const all = await adapters()
  const adapter = all.get(api)
  if (adapter === undefined) throw new Failure(`there is no adapter ${api}; expected one of: ${[...all.keys()].join(', ')}`, 2)
  if (operation !== undefined && !adapter.operations.some(({ id }) => id === operation))
    throw new Failure(`${api} has no operation ${operation}; expected one of: ${adapter.operations.map(({ id }) => id).join(', ')}`, 2)
  const beside = besideOwn({ prices: new Map(), unitPrice, terms: 'confirmed', operations: [] }, adapter)
  const dearer = beside.filter((one) => one.price > one.own && (operation === undefined || one.operation === operation))
  if (dearer.length === 0) return []
  const figures = some(dearer.map((one) => `${one.operation} ${dollars(one.price)} against ${dollars(one.own)}`))
  return [`this asks more than ${adapter.title} itself asks by the call: ${figures}`]
}

function decimal(name: string, text: string, example: string): Ratio {
  const value = parseDecimal(text)
  if (value === undefined) throw new Failure(`--${name} ${text} is no number; expected for example ${example}`, 2)
  return value
}
