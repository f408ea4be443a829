/** `atlas simulate`: the calls that were recorded, played against a changed file: money, refusals and quota, before and after. */
import { readFrom, type Side, type Simulation, simulate } from '../../economics/index.ts'
import { Failure, loadGood } from './context.ts'
import { sinceMs } from './durations.ts'
import { money, signed } from './printing.ts'
import { readRecorded } from './reading.ts'
import { right, table } from './table.ts'

interface Options {
  readonly config: string
  readonly against?: string
  readonly since: string
  readonly json?: boolean
}

export async function simulated({ config: changed, against, since, json }: Options): Promise<void> {
  const from = sinceMs(since, Date.now())
  if (from === undefined) throw new Failure(`--since ${since} is no time; expected for example 24h, 30d or 2026-11-01`, 2)
  if (from > Date.now()) throw new Failure(`--since ${since} is to come; expected a time that is over`, 2)
  const good = await loadGood(against)
  const present = good.config
  // The other file is loaded while the calls are read. Only a longer period in it needs more of them.
  const reading = readRecorded(good, readFrom([present], from))
  const [{ config: next }, first] = await Promise.all([loadGood(changed), reading])
  const needed = readFrom([present, next], from)
  const recorded = needed < readFrom([present], from) ? await readRecorded(good, needed) : first
  if (recorded.head.config !== present.digest)
    process.stderr.write(`the gateway has taken another text of ${present.file} than stands there now; what stands there is compared\n`)
  const value = await simulate({ recorded, present, next, sinceMs: from })
  process.stdout.write(`${json === true ? JSON.stringify(value, null, 2) : shown(value, changed)}\n`)
}

type Total = Simulation['difference'] & Pick<Side, 'own_units' | 'wasted_units'>

const minutes = (at: string): string => at.slice(0, 16).replace('T', ' ')
const plus = (count: number): string => (count > 0 ? `+${count}` : String(count))

function shown(value: Simulation, changed: string): string {
  const { since, until, calls, before, after, difference, owners } = value
  const differs = { ...difference, own_units: after.own_units - before.own_units, wasted_units: after.wasted_units - before.wasted_units }
  const head = `${calls.sold + calls.uncharged} calls from ${minutes(since)} to ${minutes(until)} UTC against ${changed}`
  const columns = [{ title: '' }, ...['calls sold', 'units sold', 'own', 'wasted', 'revenue', "owners' share", 'platform'].map(right)]
  const totals = table(columns, [line('before', before, money, String), line('after', after, money, String), line('difference', differs, signed, plus)])
  const perOwner = owners.map((one) => [
    ...[one.owner, money(one.before.owner_share), money(one.after.owner_share), signed(one.difference.owner_share)],
    ...[String(one.before.units_sold), String(one.after.units_sold), String(sum(one.before.refusals)), String(sum(one.after.refusals))],
  ])
  const ownerColumns = [{ title: 'owner' }, ...['share before', 'after', 'difference', 'units before', 'after', 'refused before', 'after'].map(right)]
  return [head, totals, table(ownerColumns, perOwner), quotas(value), refusals(before, after), notKnown(value)].filter((part) => part !== '').join('\n\n')
}

const line = (name: string, side: Total, amount: (text: string) => string, count: (value: number) => string): string[] => [
  name,
  ...[side.calls_sold, side.units_sold, side.own_units, side.wasted_units].map(count),
  ...[side.revenue, side.owner_share, side.platform_share].map(amount),
]

const sum = (refusals: Side['refusals']): number => Object.values(refusals).reduce((all, count) => all + count, 0)

function quotas({ connections }: Simulation): string {
  const columns = [{ title: 'connection' }, { title: 'owner' }, ...['quota before', 'after', 'left before', 'after', 'revenue before', 'after'].map(right)]
  const of = <T>(side: T | null, show: (side: T) => string): string => (side === null ? '-' : show(side))
  const rows = connections.map(({ name, owner, before, after }) => [
    ...[name, owner, of(before, ({ quota }) => String(quota)), of(after, ({ quota }) => String(quota))],
    ...[of(before, (one) => String(one.units_left)), of(after, (one) => String(one.units_left))],
    ...[of(before, ({ revenue }) => money(revenue)), of(after, ({ revenue }) => money(revenue))],
  ])
  return table(columns, rows)
}

function refusals(before: Side, after: Side): string {
  const codes = [...new Set([...Object.keys(before.refusals), ...Object.keys(after.refusals)])]
  if (codes.length === 0) return 'nothing was refused, before or after'
  const rows = codes.map((code) => {
    const [was, is] = [before.refusals[code] ?? 0, after.refusals[code] ?? 0]
    return [code, String(was), String(is), plus(is - was)]
  })
  return table([{ title: 'refused' }, ...['before', 'after', 'difference'].map(right)], rows)
}

const notKnown = ({ not_known: sentences }: Simulation): string => ['not known from records:', ...sentences.map((sentence) => `  ${sentence}`)].join('\n')
