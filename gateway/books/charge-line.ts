/** Reads a charge by hand: nearly every line is one, and JSON.parse took most of the time of the books' thread. */
import type { ChargeLine } from './postings.ts'

const NAME = '([\\w .:/-]*)'
/** The beginning of a charge, as the store writes it: everything that the books read of one that no payment paid. */
const CHARGE = new RegExp(
  [
    `^\\{"t":"charge","id":"${NAME}","at":(\\d+),(?:"since":\\d+,)?"connection":"${NAME}","owner":"${NAME}","period":\\d+,"units":(\\d+)`,
    `"price":"(\\d+)","platform":"(\\d+)","by":"(owner|credits)","account":"${NAME}",`,
  ].join(','),
)

/** Undefined for all other lines, and for a charge that is written otherwise. */
export function chargeIn(text: string): ({ readonly t: 'charge' } & ChargeLine) | undefined {
  const found = CHARGE.exec(text)
  if (found === null) return undefined
  const [, id = '', at = '', connection = '', owner = '', units = '', price = '', platform = '', by, account = ''] = found
  // Member by member: a spread into an object is built by slow paths.
  return {
    t: 'charge',
    id,
    at: Number.parseInt(at, 10),
    connection,
    owner,
    units: Number.parseInt(units, 10),
    price,
    platform,
    by: by as 'owner' | 'credits',
    account,
  }
}
