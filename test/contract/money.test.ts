/** Money is exact: what is parsed is printed again, prices are rounded up once, and nothing is ever a float. */

import fc from 'fast-check'
import t from 'tap'
import {
  compareRatios,
  dollars,
  formatUsd,
  parseDecimal,
  parseUsd,
  ratio,
  roundedUp,
  times,
  timesRatio,
  type Usd,
  units,
  usd,
} from '../../gateway/contract/index.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 10_000 }
const MOST = 10n ** 18n - 1n
const amount = fc.oneof(fc.bigInt({ min: -MOST, max: MOST }), fc.bigInt({ min: -2_000_000n, max: 2_000_000n }))
const natural = fc.oneof(fc.bigInt({ min: 1n, max: 10n ** 15n }), fc.bigInt({ min: 1n, max: 100n }))
const fraction = fc.tuple(natural, natural).map(([num, den]) => ratio(num, den))

t.test('printing and parsing are inverse, for every amount', async () => {
  fc.assert(
    fc.property(amount, (amount) => {
      const plain = formatUsd(amount)
      return /^-?\d+\.\d{2,6}$/.test(plain) && parseUsd(plain) === amount && parseUsd(dollars(amount)) === amount && !/^-0\.0+$/.test(plain)
    }),
    RUNS,
  )
})

t.test('whatever is parsed is the number that was written', async () => {
  const written = fc.tuple(
    fc.constantFrom('', '-'),
    fc.constantFrom('', '$'),
    fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }),
    fc.option(fc.stringMatching(/^\d{1,6}$/), { nil: undefined }),
  )
  fc.assert(
    fc.property(written, ([sign, mark, whole, places]) => {
      const parsed = parseUsd(`${sign}${mark}${whole}${places === undefined ? '' : `.${places}`}`)
      const micros = whole * 1_000_000n + BigInt((places ?? '').padEnd(6, '0'))
      return parsed === (sign === '-' ? -micros : micros)
    }),
    RUNS,
  )
})

t.test('what is no amount, or finer than a micro-dollar, is none', async (t) => {
  const wrong = [
    '',
    '$',
    '-',
    '.5',
    '5.',
    '1,000',
    '1e3',
    '0x10',
    '$-1',
    '--1',
    '+1',
    '$ 1',
    ' 1',
    '1 ',
    '1.0000001',
    '1234567890123',
    'NaN',
    'Infinity',
    '$1$',
    '١',
    '1.5.5',
    '1\n',
  ]
  for (const text of wrong) {
    t.equal(parseUsd(text), undefined, JSON.stringify(text))
    t.throws(() => usd(text), RangeError)
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseUsd(text)
      return parsed === undefined || typeof parsed === 'bigint'
    }),
    RUNS,
  )
})

t.test('amounts are printed with at least two decimals, no more than are needed', async (t) => {
  const forms: readonly [bigint, string, string][] = [
    [750_000_000n, '750.00', '$750.00'],
    [150_000n, '0.15', '$0.15'],
    [135n, '0.000135', '$0.000135'],
    [-20_000_000n, '-20.00', '-$20.00'],
    [0n, '0.00', '$0.00'],
    [-1n, '-0.000001', '-$0.000001'],
    [1_230_000n, '1.23', '$1.23'],
    [1_234_500n, '1.2345', '$1.2345'],
  ]
  for (const [amount, plain, withSign] of forms) t.strictSame([formatUsd(amount), dollars(amount)], [plain, withSign])
})

t.test('a unit price is rounded up to a micro-dollar: never below cost times markup, never a whole micro-dollar above', async () => {
  fc.assert(
    fc.property(fraction, fraction, (base, markup) => {
      const price = roundedUp(timesRatio(base, markup))
      const [num, den] = [base.num * markup.num, base.den * markup.den]
      return price * den >= num && (price - 1n) * den < num
    }),
    RUNS,
  )
})

t.test('ratios: rounded up is the next whole number, comparing is exact and agrees both ways', async () => {
  fc.assert(
    fc.property(fraction, fraction, (a, b) => {
      const up = roundedUp(a)
      const encloses = (up - 1n) * a.den < a.num && up * a.den >= a.num
      const same = compareRatios(a, b) === 0 ? a.num * b.den === b.num * a.den : compareRatios(a, b) < 0 === a.num * b.den < b.num * a.den
      return encloses && same && compareRatios(a, b) === -compareRatios(b, a) + 0
    }),
    RUNS,
  )
})

t.test('a decimal is the exact fraction that was written', async (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^\d{1,12}(\.\d{1,12})?$/), (text) => {
      const found = parseDecimal(text)
      const [whole = '', places = ''] = text.split('.')
      return found !== undefined && found.num === BigInt(whole + places) && found.den === 10n ** BigInt(places.length)
    }),
    RUNS,
  )
  for (const text of ['', '-1', '1.', '.1', '1e1', '1x', '1234567890123']) t.equal(parseDecimal(text), undefined, text)
})

t.test('a price of many units is that of one, as often; a count of units is a safe whole number or an error', async (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: MOST }), fc.maxSafeNat(), (price, count) => times(price as Usd, units(count)) === price * BigInt(count)),
    RUNS,
  )
  for (const count of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) t.throws(() => units(count), RangeError, String(count))
  t.throws(() => ratio(1n, 0n), RangeError)
  t.throws(() => ratio(-1n, 1n), RangeError)
})
