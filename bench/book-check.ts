/** After a run the gateway's own report has to name exactly the calls that were answered, to the micro-dollar. */

import type { Atlas } from './atlas.ts'
import type { Answers, Checked } from './case.ts'

interface Sums {
  readonly name?: string
  readonly calls_sold: number
  readonly own_units: number
  readonly revenue: string
  readonly owner_share: string
  readonly platform_share: string
}

const micros = (text: string): bigint => {
  const [whole = '0', places = ''] = text.split('.')
  return BigInt(`${whole}${places.padEnd(6, '0')}`)
}

const rowOf = async (atlas: Atlas): Promise<Sums | undefined> =>
  (await atlas.json<{ connections: readonly Sums[] }>('report')).connections.find(({ name }) => name === 'nansen')

/**
 * Every answered call is sold once at the price that its answer named, and the shares add up to the revenue. A call whose answer
 * came too late may be among those sold: a payment that was settled stands, and credits went back.
 */
export async function checkSold(atlas: Atlas, { answered, refused, head }: Answers, payer: 'credits' | 'x402'): Checked {
  const row = await rowOf(atlas)
  const price = /\r\nx-atlas-price: *\$([\d.]+)/i.exec(head)?.[1]
  if (row === undefined || price === undefined) return { ok: false, line: 'the report has no row nansen, or the last answer named no price' }
  const sold = row.calls_sold
  const isExact =
    sold >= answered &&
    sold <= answered + refused &&
    micros(row.revenue) === micros(price) * BigInt(payer === 'x402' ? sold : answered) &&
    micros(row.owner_share) + micros(row.platform_share) === micros(row.revenue)
  const line = `${answered} answered at $${price}, ${sold} sold, revenue $${row.revenue} = owner $${row.owner_share} + platform $${row.platform_share}`
  return { ok: isExact, line: `${line}: ${isExact ? 'exact' : 'WRONG'}` }
}

/** An owner's calls cost nothing and are counted as his own. */
export async function checkOwn(atlas: Atlas, { answered }: Answers): Checked {
  const row = await rowOf(atlas)
  const isExact = row?.own_units === answered && row.calls_sold === 0
  return { ok: isExact, line: `${answered} answered to the owner, ${row?.own_units} own units, ${row?.calls_sold} sold: ${isExact ? 'exact' : 'WRONG'}` }
}
