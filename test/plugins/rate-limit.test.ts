/** Exactly `burst` calls at once, then one each interval; a refused call takes nothing; a wallet is counted once it is known; who asks without paying is held to a pace, too. */

import t from 'tap'
import { type Connection, units, usd } from '#contract'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { realChain } from '../rig/chains.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { VALID } from '../rig/scripted.ts'

const chain = realChain({ 'rate-limit': 'per_consumer: 60/minute\nburst: 3' })

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  inside.provider.answers = (one) => one.answer(200, '{}')
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

async function statuses(inside: Inside, headers: Readonly<Record<string, string>>, count: number): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = []
  for (let at = 0; at < count; at += 1) found.push((await call(inside, headers)).sink.answers[0]?.status)
  return found
}

const header = ({ sink }: Flown, name: string): string | undefined => {
  const headers = sink.answers[0]?.headers ?? []
  return headers[headers.indexOf(name) + 1]
}

t.test('a burst at once, then one a second, however often it is asked meanwhile', async (t) => {
  const inside = await openInside(t, { chain })
  const key = await inside.key('k')
  t.strictSame(await statuses(inside, key, 6), [200, 200, 200, 429, 429, 429])
  inside.clock.pass(999)
  t.strictSame(await statuses(inside, key, 1), [429])
  inside.clock.pass(1)
  t.strictSame(await statuses(inside, key, 2), [200, 429])
  inside.clock.pass(60_000)
  t.strictSame(await statuses(inside, key, 4), [200, 200, 200, 429], 'after a pause no more than the burst')
  t.equal(await inside.admin.balance('key:k'), 10_000_000n - 7n * 150_000n, 'what was refused cost nothing')
})

t.test('each consumer has a pace of his own, and an owner none', async (t) => {
  const inside = await openInside(t, { chain })
  for (const id of ['a', 'b']) t.strictSame(await statuses(inside, await inside.key(id), 4), [200, 200, 200, 429], id)
  t.strictSame(await statuses(inside, await inside.key('o', { role: 'owner', owner: 'alice' }), 8), Array(8).fill(200))
})

t.test('the answer says what is left and when, and a refusal when to come again', async (t) => {
  const inside = await openInside(t, { chain })
  const key = await inside.key('k')
  const left: (string | undefined)[] = []
  for (let at = 0; at < 3; at += 1) {
    const flown = await call(inside, key)
    left.push(header(flown, 'ratelimit'))
    t.equal(header(flown, 'ratelimit-policy'), '"default";q=60;w=60')
  }
  t.strictSame(left, ['"default";r=2;t=1', '"default";r=1;t=2', '"default";r=0;t=3'])
  const refused = await call(inside, key)
  t.equal(header(refused, 'retry-after'), '1')
  t.equal(JSON.parse(refused.sink.answers[0]?.body ?? '').code, 'rate_limited')
})

t.test('calls that were not charged leave the pace as it was; one that used the provider counts', async (t) => {
  const inside = await openInside(t, { chain })
  const key = await inside.key('k')
  for (let at = 0; at < 4; at += 1) {
    inside.provider.answers = (one) => one.error(false)
    const flown = inside.fly('/acme/search', { headers: key })
    await reached('the call is over', () => flown.flight.state === 'over')
    t.equal(flown.sink.answers[0]?.status, 502)
  }
  t.strictSame(await statuses(inside, key, 4), [200, 200, 200, 429])
})

t.test('who claims to be a wallet, and is not, takes nothing from its pace; a verified one is held to it', async (t) => {
  const inside = await openInside(t, { chain })
  const pay = (number: number): Record<string, string> => paymentHeader({ number, wallet: 1, nowMs: inside.clock.nowMs() })
  inside.facilitator.verifies = () => ({ kind: 'answer', status: 200, body: { isValid: false, invalidReason: 'invalid_signature' } })
  for (let at = 0; at < 5; at += 1) t.strictSame(await statuses(inside, pay(at), 1), [402])
  inside.facilitator.verifies = () => VALID
  const found: (number | undefined)[] = []
  for (let at = 10; at < 14; at += 1) found.push(...(await statuses(inside, pay(at), 1)))
  t.strictSame(found, [200, 200, 200, 429])
  t.equal(inside.facilitator.asked.settle.length, 3, 'the payment of the refused call is unused')
  inside.clock.pass(1000)
  t.strictSame(await statuses(inside, pay(13), 1), [200], 'and good for the same call again')
})

const open = { apis: new Map([['acme', [connectionOf('acme')]]]), adapter: adapterOf([operationOf('search'), operationOf('deep'), operationOf('deeper')]) }
const asked = async (inside: Inside, path: string, headers: Readonly<Record<string, string>>, address?: string): Promise<Flown> => {
  inside.provider.answers = (one) => one.answer(200, '{}')
  const flown = inside.fly(path, { headers, ...(address === undefined ? {} : { address }) })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}
const status = ({ sink }: Flown): number | undefined => sink.answers[0]?.status

t.test('a heavy operation has a pace of its own, the others one each, and all of them that of the consumer', async (t) => {
  const settings = 'per_consumer: 60/minute\nburst: 6\nper_operation: 4/minute\noperations: { deep: 2/minute }'
  const inside = await openInside(t, { ...open, chain: realChain({ 'rate-limit': settings }) })
  const key = await inside.key('k')
  const ask = async (operation: string): Promise<number | undefined> => status(await asked(inside, `/acme/${operation}`, key))
  t.strictSame([await ask('deep'), await ask('deep'), await ask('deep')], [200, 200, 429], 'no more at once than it counts, though the burst is more')
  t.strictSame([await ask('search'), await ask('search'), await ask('deeper'), await ask('deeper'), await ask('deeper')], [200, 200, 200, 200, 429])
  const refused = await asked(inside, '/acme/deep', key)
  t.equal(header(refused, 'retry-after'), '30', 'the longest wait: not the second of the consumer, but the half minute of the operation')
  t.equal(header(refused, 'ratelimit-policy'), '"default";q=2;w=60', 'the pace that is nearest to refusing')
  t.equal(status(await asked(inside, '/acme/deep', await inside.key('other'))), 200, 'of each consumer')
  inside.clock.pass(30_000)
  t.strictSame([await ask('deep'), await ask('deep')], [200, 429])
})

t.test('who asks without paying is told the price so many times a minute, by address, and then to wait', async (t) => {
  const inside = await openInside(t, { chain: realChain({ 'rate-limit': 'per_address: 3/minute\nper_consumer: 1000000/second\nburst: 1000000' }) })
  const unpaid = (address: string, headers = {}) => asked(inside, '/acme/search', headers, address)
  const found: (number | undefined)[] = []
  for (let at = 0; at < 5; at += 1) found.push(status(await unpaid('198.51.100.7')))
  t.strictSame(found, [402, 402, 402, 429, 429])
  const refused = await unpaid('198.51.100.7')
  t.match(JSON.parse(refused.sink.answers[0]?.body ?? ''), { code: 'rate_limited', detail: 'more than 3 calls without a payment in 60 s' })
  t.equal(header(refused, 'retry-after'), '20')
  t.equal(status(await unpaid('198.51.100.8')), 402, 'another address')
  for (let at = 0; at < 5; at += 1) t.equal(status(await unpaid('127.0.0.1')), 402, 'this machine is exempt')
  t.equal(status(await unpaid('198.51.100.7', await inside.key('k'))), 200, 'who pays is not held up')
  t.equal(status(await unpaid('198.51.100.7', paymentHeader({ number: 1, wallet: 1, nowMs: inside.clock.nowMs() }))), 200, 'nor a wallet')
  inside.clock.pass(20_000)
  t.strictSame([status(await unpaid('198.51.100.7')), status(await unpaid('198.51.100.7'))], [402, 429], 'good after as long as it was told')
  const six: (number | undefined)[] = []
  for (const address of ['2001:db8::1', '2001:db8:0:0:5::2', '2001:db8::9:9:9:9', '2001:db8::3', '2001:db8:0:1::1']) six.push(status(await unpaid(address)))
  t.strictSame(six, [402, 402, 402, 429, 402], 'one network of IPv6 is one address')
  const short: (number | undefined)[] = []
  for (const end of ['1:1:1:1:1:1', '1:1:2:2:2:2', '1:1:3:3:3:3', '1:1:4:4:4:4', '2:1:1:1:1:1']) short.push(status(await unpaid(`2001::${end}`)))
  t.strictSame(short, [402, 402, 402, 429, 402], 'also where what is left out stands at its beginning')
})

t.test('what one may spend in a day and a month holds for keys, wallets and who has signed in; of it and the cap of a key the tighter', async (t) => {
  const limits = 'per_consumer: 1000000/second\nburst: 1000000\nspend_per_day: $0.45\nspend_per_month: $0.60'
  const inside = await openInside(t, { chain: realChain({ 'rate-limit': limits }) })
  const ask = async (headers: Readonly<Record<string, string>>, count: number) => statuses(inside, headers, count)
  const key = await inside.key('k')
  t.strictSame(await ask(key, 4), [200, 200, 200, 429])
  t.strictSame(await ask(await inside.key('tight', { capPerDay: usd('$0.15') }), 2), [200, 429])
  t.strictSame(await ask(await inside.key('loose', { capPerDay: usd('$5'), capPerMonth: usd('$0.30') }), 3), [200, 200, 429])
  const paid: (number | undefined)[] = []
  for (let number = 0; number < 4; number += 1) paid.push(...(await statuses(inside, paymentHeader({ number, wallet: 3, nowMs: inside.clock.nowMs() }), 1)))
  t.strictSame(paid, [200, 200, 200, 429])
  t.equal(inside.facilitator.asked.settle.length, 3, 'the payment of the refused call is unused')
  t.strictSame(await ask(await inside.key('o', { role: 'owner', owner: 'alice' }), 8), Array(8).fill(200), 'owners have none')
  inside.clock.pass(86_400_000)
  t.strictSame(await ask(key, 2), [200, 429], 'the next day as much as the month has left')
  const refused = await call(inside, key)
  t.equal(header(refused, 'retry-after'), String((6.5 * 86_400_000) / 1000))
  t.equal(JSON.parse(refused.sink.answers[0]?.body ?? '').detail, 'the spending cap of $0.60 for this UTC month is reached')
})

t.test('a wallet and its keys have one cap and one share', async (t) => {
  const inside = await openInside(t, { chain: realChain({ 'rate-limit': 'per_consumer: 1000000/second\nburst: 1000000\nspend_per_day: $0.45' }) })
  const keys = [await inside.key('a', { account: 'wallet:0x1' }), await inside.key('b', { account: 'wallet:0x1', credits: usd('$0') })]
  t.strictSame([...(await statuses(inside, keys[0] as never, 2)), ...(await statuses(inside, keys[1] as never, 2))], [200, 200, 200, 429])
})

t.test('fair use: alone one takes all, of two none more than a share; owners are no part of it', async (t) => {
  const pool = (): Map<string, Connection[]> => new Map([['acme', [connectionOf('acme', { quota: units(20), reserved: units(0) })]]])
  const chain = realChain({ 'rate-limit': 'per_consumer: 1000000/second\nburst: 1000000\nfair_use: { share: 30%, of: left, window: 1h }' })
  const alone = await openInside(t, { apis: pool(), chain })
  t.strictSame(await statuses(alone, await alone.key('a'), 21), [...Array(20).fill(200), 503])
  const inside = await openInside(t, { apis: pool(), chain })
  const [a, b] = [await inside.key('a'), await inside.key('b')]
  t.strictSame(await statuses(inside, await inside.key('o', { role: 'owner', owner: 'alice' }), 2), [200, 200])
  t.strictSame(await statuses(inside, a, 1), [200])
  t.strictSame(await statuses(inside, b, 7), [200, 200, 200, 200, 200, 200, 429], '30 % of eighteen, rounded up')
  t.strictSame(await statuses(inside, a, 6), [200, 200, 200, 200, 200, 429])
  const refused = await call(inside, a)
  t.match(JSON.parse(refused.sink.answers[0]?.body ?? ''), { code: 'rate_limited', detail: /^more than 30% of the units of acme within 3600 s/ })
  // 12:00 is the beginning of a tenth of an hour.
  t.equal(header(refused, 'retry-after'), '3960')
  inside.provider.answers = (one) => one.error(false)
  const failed = inside.fly('/acme/search', { headers: await inside.key('c') })
  await reached('the call is over', () => failed.flight.state === 'over')
  t.strictSame(await statuses(inside, await inside.key('c2'), 6), Array(6).fill(200), 'others have theirs')
})
