/** While nobody asks for anything: what the gateway says of units and money, against its clients and the provider's own counter. */
import { formatUsd, type Usd, usd } from '#contract'
import { bearer } from '../rig/gateway.ts'
import { type Call, isUncertain, type Spender } from './calls.ts'
import type { Ground } from './grounds.ts'
import type { Machine } from './machine.ts'
import type { SoakProvider } from './provider.ts'
import { CONNECTIONS, type Connection, DEAREST, QUOTAS } from './shop.ts'

export type Row = Readonly<Record<string, string | number>>
export interface Figures {
  readonly report: { readonly connections: readonly Row[]; readonly total: Row }
  readonly status: { readonly connections: readonly Row[] }
}

export const micros = (text: unknown): bigint => usd(String(text))
const rowOf = (rows: readonly Row[], name: string): Row => rows.find((row) => row.name === name) ?? {}
/** Both connections of a pool serve calls of one API. */
const API: Readonly<Record<Connection, string>> = { plenty: 'plenty', scarce: 'scarce', nansen: 'nansen', 'nansen-2': 'nansen' }

/** What the books had counted beyond the provider at the last look, by connection: a kill and a call that was given up add to it, nothing else does. */
export class Beyond {
  readonly units = new Map<Connection, number>()
  #kills = 0

  /** `sure`: nothing moves any more, so that this is the new beginning. */
  differences(used: ReadonlyMap<Connection, number>, { provider, uncertain, kills, lostAtKill }: BeyondParts): string[] {
    const wrong: string[] = []
    for (const name of CONNECTIONS) {
      const beyond = (used.get(name) ?? 0) - provider.counts[name].billed
      const before = this.units.get(name) ?? 0
      const room = (uncertain.get(API[name]) ?? 0) + (kills - this.#kills) * lostAtKill
      const known = `${name}: the provider bills ${provider.counts[name].billed}, used are ${used.get(name)}`
      if (beyond < 0) wrong.push(`${known}: an answer of the provider is lost from the units`)
      if (beyond < before) wrong.push(`${known}: ${before - beyond} units that were used have gone`)
      if (beyond > before + room) wrong.push(`${known}: ${beyond - before} more than it were used since the last look, ${room} can be explained`)
    }
    return wrong
  }

  keep(used: ReadonlyMap<Connection, number>, { provider, kills }: BeyondParts): void {
    for (const name of CONNECTIONS) this.units.set(name, (used.get(name) ?? 0) - provider.counts[name].billed)
    this.#kills = kills
  }
}

interface BeyondParts {
  readonly provider: SoakProvider
  readonly uncertain: ReadonlyMap<string, number>
  readonly kills: number
  readonly lostAtKill: number
}

export const figuresOf = async (machine: Machine): Promise<Figures> => ({
  report: await machine.asked('/api/report'),
  status: await machine.asked('/api/status'),
})

export function usedOf({ status }: Figures): Map<Connection, number> {
  const sum = ({ sold_units, own_units, wasted_units }: Row): number => Number(sold_units) + Number(own_units) + Number(wasted_units)
  return new Map(CONNECTIONS.map((name) => [name, sum(rowOf(status.connections, name))]))
}

/** Within the gateway: report and status agree, the quota holds, and no unit is held for anybody. */
export function unitsOf({ report, status }: Figures, { counts }: SoakProvider): string[] {
  const wrong: string[] = []
  for (const name of CONNECTIONS) {
    const [row, shown] = [rowOf(report.connections, name), rowOf(status.connections, name)]
    const [sold, own, wasted, left] = [shown.sold_units, shown.own_units, shown.wasted_units, shown.units_left].map(Number) as [number, number, number, number]
    const { monthly_quota, reserved } = QUOTAS[name]
    const known = `${name}: sold ${sold}, own ${own}, wasted ${wasted}, left ${left}`
    if (row.units_sold !== sold || row.own_units !== own) wrong.push(`${known}: the report says ${row.units_sold} and ${row.own_units}`)
    const held = monthly_quota - reserved - sold - wasted - Math.max(0, own - reserved) - left
    if (held !== 0 && left > 0) wrong.push(`${known}: ${held} units are held although nobody is under way`)
    if (sold > monthly_quota - reserved || sold + own + wasted > monthly_quota) wrong.push(`${known}: the quota does not hold`)
    if (shown.external_units !== 0) wrong.push(`${known}: ${shown.external_units} external units`)
    if (micros(row.revenue) > DEAREST * BigInt(sold)) wrong.push(`${known}: more money than units, ${row.revenue}`)
    if (counts[name].good === 0 && sold > 0) wrong.push(`${known}: sold without an answer`)
  }
  return wrong
}

/** What keys have spent by their own account, and what was sold by the report: the rest was paid by wallets, call by call. */
export async function moneyOf(machine: Machine, { report }: Figures, spenders: readonly Spender[], calls: readonly Call[]): Promise<string[]> {
  const wrong: string[] = []
  let spent = 0n
  for (const { key, credits, id } of spenders) {
    if (credits === undefined) continue
    const response = await fetch(`${machine.started.publicUrl}/credits`, { headers: bearer(key) })
    if (response.status !== 200) return [`GET /credits answered ${response.status}`]
    const { balance } = (await response.json()) as { balance: string }
    if (micros(balance) < 0n) wrong.push(`${balance} is left of key ${id}`)
    spent += credits - micros(balance)
  }
  const { revenue, owner_share, platform_share } = report.total
  const paid = calls.filter(({ kind }) => kind === 'wallet')
  const told = paid.reduce((sum, { status, price }) => (status === 200 ? sum + (price ?? 0n) : sum), 0n)
  const open = paid.filter(isUncertain).length
  const rest = micros(revenue) - spent - told
  const known = `${revenue} was sold, keys have spent ${formatUsd(spent as Usd)}, wallets were told ${formatUsd(told as Usd)}`
  if (rest < 0n) wrong.push(`${known}: ${formatUsd(-rest as Usd)} too little was sold`)
  if (rest > BigInt(open) * DEAREST) wrong.push(`${known}: ${formatUsd(rest as Usd)} cannot be explained by ${open} payments without an answer`)
  if (micros(owner_share) + micros(platform_share) !== micros(revenue)) wrong.push(`${owner_share} and ${platform_share} are not ${revenue}`)
  return wrong
}

export async function heldOf(ground: Ground): Promise<string[]> {
  const holds = await ground.holds()
  return holds === 0 ? [] : [`${holds} holds stand in the store although nobody is under way`]
}
