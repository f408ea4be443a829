/** The ways of abuse, each with the number of calls after which it is found; who pays for it, who does not, and how it ends. */

import t from 'tap'
import { addressSubject, type RefusalCode } from '#contract'
import { Generation } from '../../gateway/engine/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { realChain } from '../rig/chains.ts'
import { type Asked, type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { REFUSED, VALID } from '../rig/scripted.ts'

const AWAY = '198.51.100.7'
const HERE = '127.0.0.1'
const NOT_VALID = { kind: 'answer', status: 200, body: { isValid: false, invalidReason: 'insufficient_funds' } } as const

async function call(inside: Inside, path: string, asked: Asked = {}): Promise<Flown> {
  inside.provider.answers ??= (one) => one.answer(200, '{}')
  const flown = inside.fly(path, { address: AWAY, ...asked })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}
const status = async (inside: Inside, asked: Asked = {}): Promise<number | undefined> => (await call(inside, '/acme/search', asked)).sink.answers[0]?.status

/** Calls until something stands against the subject. */
async function untilFound(inside: Inside, subject: string, once: (count: number) => unknown): Promise<number> {
  for (let count = 1; count <= 1_000; count += 1) {
    await once(count)
    if (inside.meters.standing(subject) !== undefined) return count
  }
  return Number.POSITIVE_INFINITY
}

const lines = (inside: Inside): string[] => inside.logged.filter(({ message }) => message.startsWith('abuse')).map(({ message }) => message)

/** As a door tells of what never became a call. */
function refuse(inside: Inside, code: RefusalCode, more: { address?: string; target?: string; headers?: Readonly<Record<string, string>> } = {}): void {
  const { address = AWAY, target = '/x', headers = {} } = more
  const request = { address, loopback: address === HERE, target, header: (name: string) => headers[name] }
  for (const chain of inside.generation.chains) chain.observeRefused(request, { code, detail: '' }, new Set())
}

async function abandon(inside: Inside, asked: Asked): Promise<void> {
  inside.provider.answers = undefined
  const flown = inside.fly('/acme/search', { address: AWAY, ...asked })
  await reached('the provider is asked', () => flown.flight.state === 'calling' || flown.flight.state === 'over')
  flown.flight.onClientGone()
}

t.test('each way is found within its number of calls', async (t) => {
  const address = addressSubject(AWAY)
  const fresh = (): Promise<Inside> => openInside(t)
  const guessing = await fresh()
  t.equal(await untilFound(guessing, address, (count) => status(guessing, { headers: { 'x-api-key': `atlas_guess${count}` } })), 60, 'key-guessing')
  const probing = await fresh()
  t.equal(await untilFound(probing, address, () => status(probing)), 600, 'unpaid-probing')
  const farming = await fresh()
  t.equal(await untilFound(farming, address, () => refuse(farming, 'bad_request')), 600, 'error-farming')
  const scanning = await fresh()
  t.equal(await untilFound(scanning, address, (count) => refuse(scanning, 'unknown_route', { target: `/wp-admin/${count}?x` })), 136, 'a scan for paths')
  const leaving = await fresh()
  const headers = await leaving.key('k')
  t.equal(await untilFound(leaving, 'key:k', () => abandon(leaving, { headers })), 45, 'abandoned')
  const busy = await fresh()
  const others = await busy.key('k')
  const nowAndThen = async (count: number): Promise<void> => {
    await abandon(busy, { headers: others })
    if (count % 15 === 0) await status(busy, { headers: others })
  }
  t.equal(await untilFound(busy, 'key:k', nowAndThen), 120, 'abandoned, with answers taken in between')
  const grinding = await fresh()
  const pay = (inside: Inside, number: number): Asked => ({ headers: paymentHeader({ number, nowMs: inside.clock.nowMs() }) })
  grinding.facilitator.verifies = () => NOT_VALID
  t.equal(await untilFound(grinding, address, (count) => status(grinding, pay(grinding, count))), 60, 'payments that are not valid')
  const asked = grinding.facilitator.asked.verify.length
  t.equal(await status(grinding, pay(grinding, 1_000)), 429)
  t.equal(grinding.facilitator.asked.verify.length, asked, 'and from then on no facilitator is asked')
  const garbage = await fresh()
  t.equal(await untilFound(garbage, address, () => status(garbage, { headers: { 'payment-signature': 'garbage' } })), 300, 'payments that cannot be read')
  const broke = await fresh()
  broke.facilitator.settles = () => REFUSED
  const unfunded = (number: number): Asked => ({ headers: paymentHeader({ number, nowMs: broke.clock.nowMs() }) })
  t.equal(await untilFound(broke, address, (count) => status(broke, unfunded(count))), 120, 'settlements that fail')
  for (const [inside, kind] of [
    [guessing, 'key-guessing'],
    [scanning, 'sweep'],
    [leaving, 'abandoned'],
    [broke, 'payment-grinding'],
  ] as const)
    t.ok((inside.meters.suspects(600)[0]?.calls[kind] ?? 0) >= 45, `${kind} is named`)
})

t.test('whoever pays and walks through numbers is slowed, and never blocked; whoever has a list of his own is not meant', async (t) => {
  const inside = await openInside(t)
  const [walker, lister, reader] = [
    await inside.key('walker', { credits: (10n ** 9n) as never }),
    await inside.key('lister', { credits: (10n ** 9n) as never }),
    await inside.key('reader'),
  ]
  const ask = (headers: Readonly<Record<string, string>>, q: number | string): Promise<Flown> => call(inside, `/acme/search?q=${q}`, { headers, address: HERE })
  t.equal(await untilFound(inside, 'key:walker', (count) => ask(walker, 1_000 + count)), 131)
  t.equal((await ask(walker, 1_132)).sink.answers[0]?.status, 429)
  for (let count = 0; count < 300; count += 1) await ask(walker, 1_133 + count)
  t.match(inside.meters.suspects(600), [{ subject: 'key:walker', state: 'throttled', calls: { sweep: 30 } }])
  inside.clock.pass(120_000)
  t.equal((await ask(walker, 5_000)).sink.answers[0]?.status, 200, 'and goes on in time')
  for (let count = 0; count < 250; count += 1) await ask(lister, `${(count * 2_654_435_761) % 4_294_967_296}`)
  for (let count = 0; count < 60; count += 1) await ask(reader, count)
  t.equal(inside.meters.perMinute('key:lister') + inside.meters.perMinute('key:reader'), 0)
  const side = await openInside(t)
  const headers = await side.key('k', { credits: (10n ** 9n) as never })
  await Promise.all(Array.from({ length: 400 }, (_, q) => call(side, `/acme/search?q=${q}`, { headers, address: HERE })))
  t.match(side.meters.suspects(600), [{ subject: 'key:k', state: 'throttled', score: 620 }], 'not even with all calls at once')
})

t.test('sweeps: ignore lets them be, block blocks them', async (t) => {
  const walk = async (sweeps: string): Promise<string> => {
    const inside = await openInside(t, { chain: realChain({ 'abuse-detect': `sweeps: ${sweeps}` }) })
    const headers = await inside.key('k', { credits: (10n ** 9n) as never })
    const seen = new Set<number | undefined>()
    for (let count = 0; count < 200; count += 1) seen.add((await call(inside, `/acme/search?q=${count}`, { headers, address: HERE })).sink.answers[0]?.status)
    return [...seen].join()
  }
  t.equal(await walk('ignore'), '200')
  t.equal(await walk('block'), '200,403')
})

t.test('a 402 that is paid was no probing: neighbours behind one address that pay never add up', async (t) => {
  const inside = await openInside(t)
  for (let number = 1; number <= 100; number += 1) {
    t.equal(await status(inside), 402)
    t.equal(await status(inside, { headers: paymentHeader({ number, nowMs: inside.clock.nowMs() }) }), 200)
  }
  t.equal(inside.meters.perMinute(addressSubject(AWAY)), 0)
})

t.test('whoever shows a good key is not throttled for his neighbours, only blocked with them', async (t) => {
  const inside = await openInside(t)
  const headers = await inside.key('good')
  for (let count = 0; count < 700; count += 1) await status(inside)
  t.equal(await status(inside), 429)
  t.equal(await status(inside, { headers: paymentHeader({ number: 1, nowMs: inside.clock.nowMs() }) }), 429, 'a payment that nobody has verified is none')
  t.equal(await status(inside, { headers }), 200)
  for (let count = 0; count < 2_400; count += 1) await status(inside)
  t.equal(await status(inside, { headers }), 403)
  t.equal(await status(inside, { headers, address: '198.51.100.8' }), 200)
})

t.test('IPv6 answers by /64: another address of the same network is no way out, another network is not concerned', async (t) => {
  const inside = await openInside(t)
  for (let count = 0; count < 600; count += 1) await status(inside, { address: `2001:db8:1:2::${count.toString(16)}` })
  t.equal(await status(inside, { address: '2001:db8:1:2:ffff::1' }), 429)
  t.equal(await status(inside, { address: '2001:db8:1:3::1' }), 402)
})

t.test('malformed requests beside a good key count for the key, wherever it calls from; with a bad one only for the address', async (t) => {
  const inside = await openInside(t)
  const headers = await inside.key('k')
  t.equal(await untilFound(inside, 'key:k', () => refuse(inside, 'bad_request', { address: HERE, headers })), 600)
  t.equal(await status(inside, { headers, address: HERE }), 429)
  refuse(inside, 'bad_request', { headers: { authorization: 'Bearer atlas_nobody' } })
  refuse(inside, 'unauthenticated', {})
  t.match(inside.meters.suspects(1), [{ subject: 'key:k' }, { subject: `address:${AWAY}`, score: 2, calls: { 'key-guessing': 0 } }], 'no key was shown')
})

t.test('blocks lengthen, are forgiven, and each change is one line in the log', async (t) => {
  const inside = await openInside(t)
  const flood = async (): Promise<number> => {
    for (let count = 0; count < 3_200; count += 1) inside.fly('/acme/search', { address: AWAY })
    return inside.meters.standing(addressSubject(AWAY))?.blockedSeconds ?? 0
  }
  t.equal(await flood(), 60)
  t.strictSame(lines(inside), ['abuse: throttled', 'abuse: blocked'])
  inside.clock.pass(60_000)
  t.equal(await status(inside), 429, 'not forgotten')
  t.equal(await flood(), 120)
  inside.clock.pass(120_000 + 60_000)
  t.equal(await status(inside), 402)
  t.strictSame(lines(inside), ['abuse: throttled', 'abuse: blocked', 'abuse: blocked', 'abuse: forgiven'])
  inside.clock.pass(20 * 60_000)
  t.equal(await flood(), 60, 'and in time as if it were the first')
})

t.test('shadow refuses nothing, and says what it would have done', async (t) => {
  const inside = await openInside(t, { chain: realChain({ 'abuse-detect': 'shadow: true' }) })
  const seen = new Set<number | undefined>()
  for (let count = 0; count < 3_100; count += 1) seen.add(inside.fly('/acme/search', { address: AWAY }).sink.answers[0]?.status)
  t.strictSame([...seen], [402])
  t.strictSame(lines(inside), ['abuse: would be throttled', 'abuse: would be blocked'])
  t.match(inside.meters.suspects(600), [{ state: 'blocked', shadow: true, refused: 2_500, calls: { 'unpaid-probing': 3_000 } }])
})

t.test('a configuration that is loaded again forgets nobody', async (t) => {
  const inside = await openInside(t)
  for (let count = 0; count < 3_000; count += 1) inside.fly('/acme/search', { address: AWAY })
  const adapter = adapterOf([operationOf('search')])
  const routes = [{ prefix: '/acme', api: 'acme', adapter, connections: [connectionOf('acme')], chain: realChain() }]
  const next = await Generation.create({ number: 2, config: 'digest' }, routes, inside.pluginPorts)
  t.teardown(() => next.close())
  const { call: asked } = inside.fly('/acme/search', { address: AWAY })
  t.match(next.chains[0]?.admit(asked), { code: 'blocked' })
})

t.test('what is no call is turned away, too, where it would cost a facilitator its work', async (t) => {
  const inside = await openInside(t)
  const [chain] = inside.generation.chains
  const headers = await inside.key('k')
  const request = (more: Readonly<Record<string, string>> = {}, address = AWAY) => ({
    address,
    loopback: false,
    target: '/credits',
    header: (name: string) => more[name],
  })
  t.equal(chain?.turnAway(request()), undefined)
  for (let count = 0; count < 60; count += 1) refuse(inside, 'payment_invalid', { target: '/credits' })
  t.match(chain?.turnAway(request()), { code: 'rate_limited' })
  t.equal(chain?.turnAway(request(headers)), undefined, 'a good key buys on')
  t.equal(chain?.turnAway(request({}, '198.51.100.8')), undefined)
  for (let count = 0; count < 2_500; count += 1) chain?.turnAway(request())
  t.match(chain?.turnAway(request(headers)), { code: 'blocked' })
  inside.facilitator.verifies = () => VALID
})
