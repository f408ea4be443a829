/** Money and quota: exact, branded, never a float. 1 USDC = 1_000_000 micro-dollars. */

declare const unit: unique symbol

/** Micro-dollars. Made by `usd('$0.15')`; added and compared as any bigint. */
export type Usd = bigint & { readonly [unit]: 'micro-USD' }

/** Units of a provider's quota (calls or credits), a safe non-negative integer. */
export type Units = number & { readonly [unit]: 'provider units' }

/** An exact non-negative fraction: a markup, a share, a base cost in micro-dollars that is no whole number. */
export interface Ratio {
  readonly num: bigint
  readonly den: bigint
}

export const MICROS_PER_USD = 1_000_000n
export const NOTHING = 0n as Usd

const AMOUNT = /^(-?)\$?(\d{1,12})(?:\.(\d{1,6}))?$/

/** `$0.15`, `0.15` or `15` as micro-dollars; undefined when it is not an amount or finer than a micro-dollar. */
export function parseUsd(text: string): Usd | undefined {
  const found = AMOUNT.exec(text)
  if (found === null) return undefined
  const whole = BigInt(found[2] as string) * MICROS_PER_USD
  const micros = whole + BigInt((found[3] ?? '').padEnd(6, '0'))
  return (found[1] === '-' ? -micros : micros) as Usd
}

/** The same for amounts written in our own code and tests. @throws RangeError when `text` is no amount */
export function usd(text: string): Usd {
  const amount = parseUsd(text)
  if (amount === undefined) throw new RangeError(`${text} is no amount of dollars; expected for example $0.15`)
  return amount
}

/** A plain decimal with at least two places: `750.00`, `0.15`, `0.000135`, `-20.00`. */
export function formatUsd(amount: bigint): string {
  const size = amount < 0n ? -amount : amount
  const places = (size % MICROS_PER_USD)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,4}$/, '')
  return `${amount < 0n ? '-' : ''}${size / MICROS_PER_USD}.${places}`
}

let knownAmount: bigint | undefined
let knownText = ''

/** The form of headers and tables: `$0.15`, `-$20.00`. The last one is remembered: one operation's price is written again and again. */
export function dollars(amount: bigint): string {
  if (amount !== knownAmount) {
    knownText = amount < 0n ? `-$${formatUsd(-amount)}` : `$${formatUsd(amount)}`
    knownAmount = amount
  }
  return knownText
}

export function units(count: number): Units {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`${count} is no count of units`)
  return count as Units
}

export function ratio(num: bigint, den: bigint): Ratio {
  if (den <= 0n || num < 0n) throw new RangeError(`${num}/${den} is no ratio`)
  return { num, den }
}

const DECIMAL = /^(\d{1,12})(?:\.(\d{1,12}))?$/

/** A plain decimal such as `2.5` as an exact fraction; undefined when it is none. */
export function parseDecimal(text: string): Ratio | undefined {
  const found = DECIMAL.exec(text)
  if (found === null) return undefined
  const places = found[2] ?? ''
  return ratio(BigInt(`${found[1]}${places}`), 10n ** BigInt(places.length))
}

export const timesRatio = (a: Ratio, b: Ratio): Ratio => ratio(a.num * b.num, a.den * b.den)
export const roundedUp = (r: Ratio): bigint => (r.num + r.den - 1n) / r.den
/** Less than zero when a < b, zero when equal. */
export const compareRatios = (a: Ratio, b: Ratio): number => {
  const left = a.num * b.den
  const right = b.num * a.den
  return left < right ? -1 : left > right ? 1 : 0
}
export const times = (price: Usd, count: Units): Usd => (price * BigInt(count)) as Usd
