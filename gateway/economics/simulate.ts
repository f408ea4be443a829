/** Recorded calls played against a changed file: money, units, refusals and quota, before and after, with what nobody can know from records. */
import { dollars, type EpochMs, formatUsd } from '#contract'
import { periodAt } from '../stores/index.ts'
import type { Counted, Figures, Notes, Sums } from './figures.ts'
import type { Recorded } from './recorded.ts'
import { Replay } from './replay.ts'
import { Stage, type StageConfig } from './stage.ts'
import { addSales, notesOf, recordedIn } from './tally.ts'

export interface SimulateOptions {
  readonly recorded: Recorded
  readonly present: StageConfig
  readonly next: StageConfig
  /** Calls received from then on count. */
  readonly sinceMs: number
}

/** Shapes as they are printed: amounts as plain decimals, units as numbers, times ISO 8601. */
export interface Side {
  readonly calls_sold: number
  readonly units_sold: number
  readonly own_units: number
  readonly wasted_units: number
  readonly revenue: string
  readonly owner_share: string
  readonly platform_share: string
  /** Code -> calls. */
  readonly refusals: Readonly<Record<string, number>>
}

interface QuotaSide extends Omit<Side, 'refusals'> {
  readonly quota: number
  readonly reserved: number
  readonly units_left: number
}

export interface Simulation {
  readonly since: string
  readonly until: string
  readonly calls: Notes['calls']
  readonly before: Side
  readonly after: Side
  readonly difference: {
    readonly calls_sold: number
    readonly units_sold: number
    readonly revenue: string
    readonly owner_share: string
    readonly platform_share: string
  }
  readonly owners: readonly {
    readonly owner: string
    readonly before: Side
    readonly after: Side
    readonly difference: { readonly revenue: string; readonly owner_share: string }
  }[]
  readonly connections: readonly { readonly name: string; readonly owner: string; readonly before: QuotaSide | null; readonly after: QuotaSide | null }[]
  readonly dearer: Shown
  readonly regained: Shown
  readonly lost: Shown
  readonly not_known: readonly string[]
}

interface Shown {
  readonly calls: number
  readonly revenue: string
}

/** From when on records are needed: quotas count from the beginning of their period, caps from that of the month. */
export function readFrom(configs: readonly Pick<StageConfig, 'connections'>[], sinceMs: number): number {
  const month = new Date(sinceMs)
  const starts = configs.flatMap(({ connections }) => connections.map(({ period }) => periodAt(period, sinceMs).startMs as number))
  return Math.min(Date.UTC(month.getUTCFullYear(), month.getUTCMonth()), ...starts)
}

/** @throws what a plugin's `create` throws */
export async function simulate({ recorded, present, next, sinceMs }: SimulateOptions): Promise<Simulation> {
  const { head } = recorded
  const startMs = readFrom([present, next], sinceMs) as EpochMs
  const offSale = new Set(head.connections.flatMap(({ name, enabled }) => (enabled ? [] : [name])))
  const stages = { present: await Stage.open(present, { offSale, startMs }), next: await Stage.open(next, { offSale, startMs }), sinceMs }
  const replay = new Replay(recorded, stages)
  replay.play(startMs, head.nowMs)
  for (const stage of [stages.present, stages.next]) stage.rehearsal.at(head.nowMs)
  const owners = new Map(present.connections.map(({ name, owner }) => [name, owner]))
  const { alike, after } = replay
  const before = recordedIn(alike, (connection) => owners.get(connection))
  addSales(after, alike)
  const notes = notesOf(alike)
  const sides = { before: { figures: before, stage: stages.present, config: present }, after: { figures: after, stage: stages.next, config: next } }
  const [all, then] = [sideOf(before.all(), before.refusals()), sideOf(after.all(), after.refusals())]
  return {
    ...{ since: iso(sinceMs), until: iso(head.nowMs), calls: notes.calls, before: all, after: then, difference: differenceOf(before.all(), after.all()) },
    ...{ owners: ownersOf(sides), connections: connectionsOf(sides) },
    ...{ dearer: shown(notes.dearer), regained: shown(notes.regained), lost: shown(notes.lost) },
    not_known: notKnown(notes, before),
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()
const shown = ({ calls, revenue }: Counted): Shown => ({ calls, revenue: formatUsd(revenue) })

interface Played {
  readonly figures: Figures
  readonly stage: Stage
  readonly config: StageConfig
}

interface Sides {
  readonly before: Played
  readonly after: Played
}

type Total = Omit<Sums, 'connection' | 'owner'>

function totalOf(all: readonly Total[]): Total {
  const total = { callsSold: 0, unitsSold: 0, ownUnits: 0, wastedUnits: 0, revenue: 0n, platform: 0n }
  for (const sums of all) {
    total.callsSold += sums.callsSold
    total.unitsSold += sums.unitsSold
    total.ownUnits += sums.ownUnits
    total.wastedUnits += sums.wastedUnits
    total.revenue += sums.revenue
    total.platform += sums.platform
  }
  return total
}

const printed = ({ callsSold, unitsSold, ownUnits, wastedUnits, revenue, platform }: Total): Omit<Side, 'refusals'> => ({
  ...{ calls_sold: callsSold, units_sold: unitsSold, own_units: ownUnits, wasted_units: wastedUnits },
  ...{ revenue: formatUsd(revenue), owner_share: formatUsd(revenue - platform), platform_share: formatUsd(platform) },
})

const sideOf = (all: readonly Total[], refusals: Side['refusals']): Side => ({ ...printed(totalOf(all)), refusals })

function differenceOf(before: readonly Total[], after: readonly Total[]): Simulation['difference'] {
  const [was, is] = [totalOf(before), totalOf(after)]
  const { revenue, owner_share, platform_share } = printed({ ...is, revenue: is.revenue - was.revenue, platform: is.platform - was.platform })
  return { calls_sold: is.callsSold - was.callsSold, units_sold: is.unitsSold - was.unitsSold, revenue, owner_share, platform_share }
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function ownersOf({ before, after }: Sides): Simulation['owners'] {
  const names = new Set([...before.figures.all(), ...after.figures.all(), ...before.config.connections, ...after.config.connections].map(({ owner }) => owner))
  return [...names].sort(byName).map((owner) => {
    const [was, is] = [soldBy(before, owner), soldBy(after, owner)]
    const { revenue, owner_share } = differenceOf(was, is)
    return { owner, before: sideOf(was, refusedOf(before, owner)), after: sideOf(is, refusedOf(after, owner)), difference: { revenue, owner_share } }
  })
}

const soldBy = ({ figures }: Played, name: string): readonly Sums[] => figures.all().filter(({ owner }) => owner === name)

/** Of the APIs that he has a connection to: a call to a pool was refused by all who are in it. */
const refusedOf = ({ figures, config }: Played, owner: string): Side['refusals'] =>
  figures.refusals(new Set(config.routes.filter(({ connections }) => connections.some((one) => one.owner === owner)).map(({ api }) => api)))

function connectionsOf({ before, after }: Sides): Simulation['connections'] {
  const names = new Map([...after.config.connections, ...before.config.connections].map(({ name, owner }) => [name, owner]))
  return [...names].sort(([a], [b]) => byName(a, b)).map(([name, owner]) => ({ name, owner, before: quotaOf(before, name), after: quotaOf(after, name) }))
}

function quotaOf({ figures, stage, config }: Played, name: string): QuotaSide | null {
  const connection = config.connections.find((one) => one.name === name)
  if (connection === undefined) return null
  const { quota, reserved } = connection
  return { quota, reserved, units_left: stage.rehearsal.stock.left(name), ...printed(totalOf(figures.all().filter((sums) => sums.connection === name))) }
}

const calls = (count: number): string => `${count} call${count === 1 ? '' : 's'}`

/** What records cannot say, with what was taken for it. */
function notKnown({ dearer, regained, unexplained, unknown, asRecorded }: Notes, before: Figures): readonly string[] {
  const said: string[] = []
  if (dearer.calls > 0)
    said.push(
      `whether consumers would have paid more: ${calls(dearer.calls)}, ${dollars(dearer.revenue)} after, cost more than was paid; they are taken as bought`,
    )
  if (regained.calls > 0)
    said.push(`what a provider would have answered to what was refused before: ${calls(regained.calls)}, ${dollars(regained.revenue)}, are taken as served`)
  const limited = Object.entries(before.refusals()).filter(([code]) => code === 'insufficient_credits' || code === 'price_above_max')
  if (limited.length > 0)
    said.push(`balances and the highest prices that consumers allow: ${limited.map(([code, count]) => `${count} ${code}`).join(', ')} stay refused`)
  if (unexplained > 0)
    said.push(
      `refusals for abuse, for calls at once, or for a provider that was away: ${calls(unexplained)} that the present limits do not explain stay refused`,
    )
  if (unknown > 0) said.push(`what became of ${calls(unknown)} whose settlement was not known: they count where they were settled`)
  if (asRecorded > 0) said.push(`what requests held: ${calls(asRecorded)} of operations whose units depend on it take the units that they took`)
  said.push('how many calls another price would have brought or kept away: the same calls are asked for before and after')
  return said
}
