/** What the owner keeps is never sold, what may not be sold is not there for others, and his own calls go through his own connections. */

import t from 'tap'
import { mayResell, type ResaleTerms, units, usd } from '../../gateway/contract/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'

const RESALES = ['allowed', 'attribution', 'ask', 'forbidden'] as const
const TERMS: readonly ResaleTerms[] = ['unstated', 'confirmed', { agreement: 'REF' }]
const operations = RESALES.map((resale) => operationOf(resale, { resale }))

async function call(inside: Inside, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Flown> {
  inside.provider.answers = (one) => one.answer(200, '{}')
  const flown = inside.fly(path, { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

const said = ({ sink }: Flown): string => {
  const [answer] = sink.answers
  return answer?.status === 200 ? '200' : `${answer?.status} ${JSON.parse(answer?.body ?? '').code}`
}
const served = ({ provider }: Inside): readonly string[] => provider.tries.map(({ request }) => request.connection.name)

t.test('each kind of operation is sold as the terms of its connection allow, and open to the owner in any case', async (t) => {
  const apis = new Map(TERMS.map((terms, at) => [`api${at}`, [connectionOf(`c${at}`, { terms })]]))
  const inside = await openInside(t, { adapter: adapterOf(operations), apis })
  const key = await inside.key('k')
  const owner = await inside.key('o', { role: 'owner', owner: 'alice' })
  for (const [at, terms] of TERMS.entries()) {
    for (const resale of RESALES) {
      const path = `/api${at}/${resale}`
      const sold = mayResell(resale, terms)
      const name = `${resale}, ${typeof terms === 'string' ? terms : 'agreement'}`
      t.equal(said(await call(inside, path, key)), sold ? '200' : '404 unknown_operation', name)
      t.equal(said(await call(inside, path)), sold ? '402 payment_required' : '404 unknown_operation', `${name}, unpaid`)
      t.equal(said(await call(inside, path, owner)), '200', `${name}, the owner`)
    }
  }
  t.equal(said(await call(inside, '/api0/forbidden', paymentHeader({ number: 1, nowMs: inside.clock.nowMs() }))), '404 unknown_operation')
  t.strictSame(inside.facilitator.asked.verify, [], 'a payment for what is not sold is not touched')
})

t.test('in a pool only those connections sell an operation whose terms allow it', async (t) => {
  const pool = [connectionOf('unstated', { terms: 'unstated' }), connectionOf('agreed', { terms: { agreement: 'REF' }, markup: { num: 4n, den: 1n } })]
  const inside = await openInside(t, { adapter: adapterOf(operations), apis: new Map([['acme', pool]]) })
  const key = await inside.key('k')
  await call(inside, '/acme/forbidden', key)
  await call(inside, '/acme/allowed', key)
  t.strictSame(served(inside), ['agreed', 'unstated'], 'the dearer one, since only it may; else the cheaper')
})

t.test('10 units of which 3 are reserved: 7 are sold, and the reserve is there for the owner', async (t) => {
  const inside = await openInside(t, { apis: new Map([['acme', [connectionOf('acme', { quota: units(10), reserved: units(3) })]]]) })
  const key = await inside.key('k')
  const owner = await inside.key('o', { role: 'owner', owner: 'alice' })
  const sales: string[] = []
  for (let count = 0; count < 9; count += 1) sales.push(said(await call(inside, '/acme/search', key)))
  t.strictSame(sales, [...Array(7).fill('200'), '503 sold_out', '503 sold_out'])
  const own: string[] = []
  for (let count = 0; count < 5; count += 1) own.push(said(await call(inside, '/acme/search', owner)))
  t.strictSame(own, ['200', '200', '200', '503 sold_out', '503 sold_out'])
  t.equal(inside.provider.tries.length, 10, 'not one call more than the quota')
})

t.test("the owner's calls come out of the reserve first, then out of what is for sale", async (t) => {
  const inside = await openInside(t, { apis: new Map([['acme', [connectionOf('acme', { quota: units(10), reserved: units(3) })]]]) })
  const owner = await inside.key('o', { role: 'owner', owner: 'alice' })
  const left: number[] = []
  for (let count = 0; count < 5; count += 1) {
    await call(inside, '/acme/search', owner)
    left.push((await inside.admin.counters('acme')).left)
  }
  t.strictSame(left, [7, 7, 7, 6, 5])
})

t.test("an owner's key draws on his own connections only, the one with most left first; without one it is sold out", async (t) => {
  const pool = [
    connectionOf('small', { quota: units(4), reserved: units(0) }),
    connectionOf('big', { quota: units(6), reserved: units(0) }),
    connectionOf('others', { owner: 'bob', baseCost: { num: 1n, den: 1n } }),
  ]
  const inside = await openInside(t, { apis: new Map([['acme', pool]]) })
  const alice = await inside.key('alice', { role: 'owner', owner: 'alice' })
  const nobody = await inside.key('nobody', { role: 'owner', owner: 'carol' })
  for (let count = 0; count < 11; count += 1) await call(inside, '/acme/search', alice)
  t.strictSame(served(inside).slice(0, 2), ['big', 'big'])
  t.strictSame(served(inside).toSorted(), [...Array(6).fill('big'), ...Array(4).fill('small')])
  t.equal(said(await call(inside, '/acme/search', alice)), '503 sold_out')
  t.equal(said(await call(inside, '/acme/search', nobody)), '503 sold_out')
})

t.test("a switched off connection sells nothing, without saying when; its owner's key still works", async (t) => {
  const inside = await openInside(t)
  await inside.admin.setEnabled('acme', false, false)
  for (const headers of [{}, await inside.key('k')]) {
    const flown = await call(inside, '/acme/search', headers)
    t.equal(said(flown), '503 sold_out')
    t.notOk(flown.sink.answers[0]?.headers.includes('retry-after'))
  }
  t.equal(said(await call(inside, '/acme/search', await inside.key('o', { role: 'owner', owner: 'alice' }))), '200')
})

t.test('sold out is told before a price, with the time of the next period', async (t) => {
  const inside = await openInside(t, { apis: new Map([['acme', [connectionOf('acme', { quota: units(3), reserved: units(3) })]]]) })
  for (const headers of [{}, await inside.key('k'), paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })]) {
    const flown = await call(inside, '/acme/search', headers)
    t.equal(said(flown), '503 sold_out')
    const { headers: flat = [] } = flown.sink.answers[0] ?? {}
    const seconds = (Date.UTC(2026, 11, 1) - inside.clock.nowMs()) / 1000
    t.equal(flat[flat.indexOf('retry-after') + 1], String(seconds), 'the first of December')
  }
})

t.test("a key's cap for the day holds over all its calls, and begins anew at midnight", async (t) => {
  const inside = await openInside(t)
  const key = await inside.key('k', { capPerDay: usd('$0.40') })
  const got: string[] = []
  for (let count = 0; count < 3; count += 1) got.push(said(await call(inside, '/acme/search', key)))
  t.strictSame(got, ['200', '200', '429 rate_limited'])
  inside.clock.pass(43_200_000)
  t.equal(said(await call(inside, '/acme/search', key)), '200', 'the next day')
})

t.test('a limit of price refuses a dearer call before anything happens', async (t) => {
  const inside = await openInside(t)
  const key = await inside.key('k')
  t.equal(said(await call(inside, '/acme/search', { ...key, 'x-atlas-max-price': '$0.149999' })), '402 price_above_max')
  t.equal(inside.provider.tries.length, 0)
  t.equal(said(await call(inside, '/acme/search', { ...key, 'x-atlas-max-price': '$0.15' })), '200')
})
