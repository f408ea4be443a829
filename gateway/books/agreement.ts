/** The books beside the store: the same credit for every account, the same units for every connection, and units that add up. */
import type { LedgerCheck, StoreFigures, Usd } from '#contract'
import { said } from './proof.ts'

const CREDIT = 'liab:credit:'
/** Looks at figures that move; what is wrong stays wrong by the same amount however often it is looked at. */
const LOOKS = 20

export interface UnitsBooked {
  readonly connection: string
  readonly units: bigint
  readonly own: bigint
  readonly wasted: bigint
}

export interface BookFigures {
  readonly balances: ReadonlyMap<string, Usd>
  readonly units: readonly UnitsBooked[]
}

/** The last two checks of a verification. Both sides may be in use meanwhile. */
export async function agreement(books: () => Promise<BookFigures>, store: () => Promise<StoreFigures>): Promise<readonly LedgerCheck[]> {
  let wrong: readonly string[] = []
  let strange: readonly string[] = []
  let good = ''
  let used = ''
  for (let look = 1; look <= LOOKS; look += 1) {
    const held = await store()
    const booked = await books()
    const differs = [...creditsOf(booked, held), ...unitsOf(booked, held)]
    const odd = oddOf(held)
    wrong = look === 1 ? differs : wrong.filter((text) => differs.includes(text))
    strange = look === 1 ? odd : strange.filter((text) => odd.includes(text))
    good = `${held.balances.size} accounts, ${held.usage.size} connections`
    used = `${[...held.usage.values()].reduce((sum, one) => sum + usedOf(one), 0)} units used`
    if (wrong.length === 0 && strange.length === 0) break
  }
  return [
    { check: 'books agree with the store', ok: wrong.length === 0, detail: said(wrong, good) },
    { check: 'units add up', ok: strange.length === 0, detail: said(strange, used) },
  ]
}

type Used = StoreFigures['usage'] extends ReadonlyMap<string, infer U> ? U : never

/** used = sold + own + wasted + external */
const usedOf = ({ sold, own, wasted, external }: Used): number => sold + own + wasted + external

function creditsOf({ balances }: BookFigures, store: StoreFigures): string[] {
  const wrong: string[] = []
  const booked = [...balances.keys()].flatMap((name) => (name.startsWith(CREDIT) ? [name.slice(CREDIT.length)] : []))
  for (const account of new Set([...store.balances.keys(), ...booked])) {
    const more = -(balances.get(`${CREDIT}${account}`) ?? 0n) - (store.balances.get(account) ?? 0n)
    if (more !== 0n) wrong.push(`${account} has ${more} micro-dollars more in the books than in the store`)
  }
  return wrong
}

function unitsOf({ units }: BookFigures, { usage }: StoreFigures): string[] {
  const wrong: string[] = []
  for (const connection of new Set([...units.map((row) => row.connection), ...usage.keys()])) {
    const row = units.find((one) => one.connection === connection) ?? { units: 0n, own: 0n, wasted: 0n }
    const used = usage.get(connection) ?? { sold: 0, own: 0, wasted: 0 }
    for (const [kind, more] of [
      ['sold', row.units - BigInt(used.sold)],
      ['own', row.own - BigInt(used.own)],
      ['wasted', row.wasted - BigInt(used.wasted)],
    ] as const)
      if (more !== 0n) wrong.push(`${connection} has ${more} ${kind} units more in the books than in the store`)
  }
  return wrong
}

/** Nothing is less than nothing: then used = sold + own + wasted + external has no part that hides another. */
const oddOf = ({ usage }: StoreFigures): string[] =>
  [...usage].flatMap(([connection, one]) => Object.entries(one).flatMap(([kind, count]) => (count < 0 ? [`${connection} has ${count} ${kind} units`] : [])))
