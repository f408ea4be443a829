/** Each class of failure has its own consequence and duration, its owner is told, and nobody else can switch him off. */

import t from 'tap'
import { units } from '../../../gateway/contract/index.ts'
import { connectionOf } from '../../rig/acme.ts'
import { openOutage, type Outage, type Way } from '../../rig/outage.ts'

const connection = (name: string) => connectionOf(name, { owner: name, quota: units(1_000_000), reserved: units(1000) })
const ONE = [connection('a')]
const statusOf = async (outage: Outage, consumer = 0, path = '/acme/search'): Promise<number | undefined> =>
  (await outage.call(consumer, path)).sink.answers[0]?.status

t.test('a credential refused three times in a row pauses the connection and tells its owner, until somebody says that it is right', async (t) => {
  const outage = await openOutage(t, { connections: ONE })
  const { inside, providers } = outage
  const answers: Way[] = [{ status: 401 }, { status: 401 }, { status: 200 }, { status: 401 }, { status: 401 }, { status: 404 }]
  providers.behaviours.set('a', (_, count) => answers[count] ?? { status: 401 })
  for (let call = 0; call < 8; call += 1) await outage.call()
  t.equal(inside.health.shown('a')?.word, undefined, 'a success between begins anew, also one that says not found')
  t.equal(await statusOf(outage), 502)
  t.match(inside.health.shown('a'), { word: 'paused', because: /refused its credential 3 times in a row/ })
  t.same(
    inside.told.map(({ kind, owner, connection }) => [kind, owner, connection]),
    [
      ['credential-refused', 'a', 'a'],
      ['connection-paused', 'a', 'a'],
    ],
  )
  t.match(inside.audited, [{ action: 'connection.pause', actor: 'gateway', owner: 'a', subject: 'a' }])
  inside.clock.pass(86_400_000)
  const refused = await outage.call(3)
  t.match(refused.sink.answers, [{ status: 502, body: /refuses the subscription/, headers: /retry-after/ }])
  t.equal(providers.sent('a'), 9, 'nothing more was sent')
  t.equal(inside.outcomes.get(refused.id)?.[0]?.attempts.length, 0)
  providers.behaviours.set('a', () => ({ status: 200 }))
  inside.health.resume('a')
  t.equal(await statusOf(outage), 200)
  t.match(inside.audited.at(-1), { action: 'connection.resume' })
})

t.test("an owner's own call goes to a paused connection: it tells him how it stands, and resumes it when it is served", async (t) => {
  const outage = await openOutage(t, { connections: ONE })
  const { inside, providers } = outage
  providers.behaviours.set('a', () => ({ status: 401 }))
  for (let call = 0; call < 3; call += 1) await outage.call()
  const headers = await inside.key('owner', { role: 'owner', owner: 'a' })
  const own = async (): Promise<number | undefined> => {
    inside.clock.pass(1)
    return outage.over(inside.fly('/acme/search', { headers }))
  }
  t.equal(await own(), 502)
  t.equal(providers.sent('a'), 4)
  providers.behaviours.set('a', () => ({ status: 200 }))
  t.equal(await own(), 200)
  t.equal(await statusOf(outage), 200)
})

t.test('what the plan lacks is that operation of that connection, for an hour, then twice as long', async (t) => {
  const outage = await openOutage(t, { connections: ONE })
  const { inside, providers } = outage
  providers.behaviours.set('a', (_, __, { operation }) => ({ status: operation.id === 'other' ? 403 : 200 }))
  for (const consumer of [0, 1, 2, 3, 4]) t.equal(await statusOf(outage, consumer, '/acme/other'), 502)
  t.equal(providers.sent('a'), 2, 'of the first caller, and of another one to make sure')
  t.equal(await statusOf(outage), 200, 'the others go on')
  for (const [hours, sent] of [
    [1, 1],
    [1, 0],
    [1, 1],
  ] as const) {
    inside.clock.pass(hours * 3_600_000)
    const before = providers.sent('a')
    await outage.call(0, '/acme/other')
    await outage.call(1, '/acme/other')
    t.equal(providers.sent('a') - before, sent)
  }
  inside.health.configure(ONE)
  const before = providers.sent('a')
  await outage.call(0, '/acme/other')
  t.equal(providers.sent('a') - before, 1, 'after a reload it is asked again')
})

t.test('nobody switches an owner off by asking for failures: the calls of others go on', async (t) => {
  for (const status of [500, 402, 403]) {
    const outage = await openOutage(t, { connections: ONE })
    const { providers } = outage
    let isHostile = true
    providers.behaviours.set('a', () => ({ status: isHostile ? status : 200 }))
    for (let round = 0; round < 20; round += 1) {
      isHostile = true
      for (let call = 0; call < 6; call += 1) await outage.call(0)
      isHostile = false
      t.equal(await statusOf(outage, 1), 200, `${status}, round ${round}`)
    }
  }
})

t.test('a connection below the floor over 200 calls is paused and told; the last of its pool never is', async (t) => {
  for (const names of [['a', 'b'], ['a']]) {
    const outage = await openOutage(t, { connections: names.map(connection) })
    const { inside, providers } = outage
    // b is asked first only once a is paused: a has more left.
    providers.behaviours.set('a', (_, count) => ({ status: count % 4 === 0 ? 500 : 200 }))
    await outage.run(20, 10)
    t.equal(inside.health.shown('a')?.word, undefined, 'not yet')
    await outage.run(20, 20)
    const { paid, owed } = await outage.money()
    t.equal(paid, owed)
    if (names.length === 1) {
      t.equal(inside.health.shown('a')?.word, undefined)
      continue
    }
    t.match(inside.health.shown('a'), { word: 'paused', because: /served 1[45]\d of its last 200 calls/ })
    t.match(inside.told, [{ kind: 'connection-paused', owner: 'a' }])
    const sent = providers.sent('a')
    t.equal(await statusOf(outage), 200)
    providers.behaviours.set('b', () => 'refuses connections')
    for (let call = 0; call < 8; call += 1) await outage.call(call)
    t.ok(providers.sent('a') > sent, 'where nothing else is there, it serves all the same')
    inside.clock.pass(900_000)
    await outage.call()
    t.equal(inside.health.shown('a')?.word, undefined, 'on probation after a quarter of an hour')
    t.match(inside.told.at(-1), { kind: 'connection-resumed' })
  }
})

t.test('one caller whose requests fail does not bring a connection below the floor', async (t) => {
  const outage = await openOutage(t)
  const { inside, providers } = outage
  let count = 0
  providers.behaviours.set('a', () => ({ status: count % 3 === 0 ? 500 : 200 }))
  for (; count < 450; count += 1) await outage.call(count % 3 === 0 ? 0 : 1 + (count % 4))
  t.equal(inside.health.shown('a')?.word, undefined)
})

t.test('one that serves well above the floor, but far less than the others, is set aside for a while; never more than half', async (t) => {
  const outage = await openOutage(t)
  const { inside, providers } = outage
  for (const name of ['a', 'b']) providers.behaviours.set(name, (_, count) => ({ status: name === 'a' && count % 7 === 0 ? 500 : 200 }))
  await outage.run(15, 20)
  t.match(inside.health.shown('a'), { word: 'failing' })
  const sent = providers.sent('a')
  await outage.run(10, 20)
  t.equal(providers.sent('a'), sent, 'the other one serves')
  inside.clock.pass(30_000)
  await outage.call()
  t.equal(inside.health.shown('a')?.word, undefined)
})

t.test('a call that has a stored answer gets it, also where nobody can serve', async (t) => {
  const outage = await openOutage(t, { connections: ONE })
  const { inside, providers } = outage
  const headers = { ...(await inside.key('named')), 'idempotency-key': 'the-name' }
  t.equal(await outage.over(inside.fly('/acme/search', { headers })), 200)
  providers.behaviours.set('a', () => ({ status: 401 }))
  for (let call = 0; call < 3; call += 1) await outage.call()
  const again = inside.fly('/acme/search', { headers })
  await outage.over(again)
  t.match(again.sink.answers, [{ status: 200, headers: /x-atlas-replayed/ }])
  const unpaid = inside.fly('/acme/search')
  await outage.over(unpaid)
  t.match(unpaid.sink.answers, [{ status: 502 }], 'nor is it offered for money')
})
