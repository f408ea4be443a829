/** Charges are read by hand where the store writes them plainly: what comes out is what JSON.parse would say. */
import fc from 'fast-check'
import t from 'tap'
import { changesOf, readLines } from '../../gateway/books/reading.ts'
import { lineOf } from '../../gateway/stores/lines.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)

const word = fc.oneof(fc.stringMatching(/^[\w .:/-]{0,12}$/), fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('"', '\\', 'ä', '","by":"owner'))
const amount = fc.bigInt({ min: 0n, max: 10n ** 15n })
const charges = fc.record({
  id: word,
  at: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  since: fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 }), { nil: undefined }),
  connection: word,
  owner: word,
  account: word,
  units: fc.nat(),
  price: amount,
  share: fc.bigInt({ min: 0n, max: 100n }),
  by: fc.constantFrom('credits' as const, 'owner' as const, 'x402' as const),
})

t.test('whatever a charge holds, by hand and by JSON.parse it is the same', (t) => {
  let plain = 0
  fc.assert(
    fc.property(charges, ({ price, share, ...some }) => {
      const platform = `${(price * share) / 100n}`
      const subject = { requestDigest: 'ab', answerDigest: 'cd' }
      const call = { v: 2, id: 'r', at: some.at, generation: 1, config: 'c', api: 'a', operation: 'o', consumer: 'k', kind: 'charged', status: 200 } as const
      const rest = { code: undefined, receipt: some.id, units: 1, price: `${price}`, requested: 1, candidates: [], attempts: [], tookMs: 1 }
      const record = {
        t: 'charge',
        ...some,
        period: 0,
        price: `${price}`,
        platform,
        api: 'a',
        operation: 'o',
        subject,
        names: [],
        once: [],
        answer: undefined,
        call: { ...call, ...rest },
      }
      const line = lineOf(record as unknown as Parameters<typeof lineOf>[0])
      // The same members in another order are read by JSON.parse.
      const { t: kind, ...others } = JSON.parse(line) as { t: string }
      const turned = JSON.stringify({ t: kind, ...Object.fromEntries(Object.entries(others).reverse()) })
      const effects = [line, turned].map((text) => changesOf(readLines([text], 7), new Map()).effects)
      if (line.startsWith(`{"t":"charge","id":"${some.id}"`)) plain += 1
      t.strictSame(effects[0], effects[1], { seed })
    }),
    { seed, numRuns: 500 },
  )
  t.ok(plain > 100, `${plain} were plain`)
  t.end()
})
