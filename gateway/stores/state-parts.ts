/** What the state is made of. */
import { type KeyRecord, NOTHING, type Usd } from '#contract'
import type { KeyCreated } from './records.ts'

export interface Account {
  posted: Usd
  held: Usd
}

/** One connection in one period. All in units but `revenue`. */
export interface Tally {
  sold: number
  own: number
  wasted: number
  external: number
  leasedTo: number
  heldSold: number
  heldOwn: number
  revenue: Usd
}

export type Sum = Pick<Tally, 'sold' | 'own' | 'wasted' | 'external'>

export interface NamedCall {
  readonly digest: string
  readonly receipt: string
  readonly untilMs: number
  /** `lost`: under way when a process died; what became of it is not recorded. */
  state: 'waiting' | 'settling' | 'unknown' | 'charged' | 'lost'
  waiters: (() => void)[]
}

/** What a consumer spent in a turn: a UTC day or month, by number. */
export interface SpentSum {
  readonly turn: number
  amount: bigint
}

export const noTally = (): Tally => ({ sold: 0, own: 0, wasted: 0, external: 0, leasedTo: 0, heldSold: 0, heldOwn: 0, revenue: NOTHING })

/** Of several charges at once. */
export function addSold(tally: Tally, { units, own, revenue }: Readonly<Record<'units' | 'own' | 'revenue', number>>): void {
  tally.sold += units
  tally.own += own
  tally.revenue = (tally.revenue + BigInt(revenue)) as Usd
}

export function keyFrom(record: Pick<KeyCreated, 'key'>): KeyRecord {
  const { capPerDay, capPerMonth, ...key } = record.key
  return {
    ...key,
    ...(capPerDay !== undefined && { capPerDay: BigInt(capPerDay) as Usd }),
    ...(capPerMonth !== undefined && { capPerMonth: BigInt(capPerMonth) as Usd }),
  }
}

/** A key as it is written down. */
export const storedKey = ({ capPerDay, capPerMonth, ...key }: KeyRecord): KeyCreated['key'] => ({
  ...key,
  ...(capPerDay !== undefined && { capPerDay: capPerDay.toString() }),
  ...(capPerMonth !== undefined && { capPerMonth: capPerMonth.toString() }),
})
