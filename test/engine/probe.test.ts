/** A probe is one call of the owner's own use: whatever comes of it, units and money stand as they would after a call of his. */
import t, { type Test } from 'tap'
import { type Operation, units, wholeCall } from '#contract'
import { probe } from '../../gateway/engine/probe.ts'
import type { Charged } from '../../gateway/stores/records.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Inside, openInside } from '../rig/inside.ts'
import type { ScriptedTry } from '../rig/scripted.ts'

const example = { query: { q: 'a b' } }
const OPERATIONS = [
  operationOf('dear', { units: 5, example }),
  operationOf('writes', { method: 'POST', body: 'any', example: { body: {} } }),
  operationOf('variable', { units: () => 1, example }),
  operationOf('feed', { streaming: true, example }),
  operationOf('unsold', { units: 2, example, resale: 'forbidden' }),
  operationOf('cheap', {
    method: 'POST',
    path: '/of/:who',
    units: 2,
    reads: true,
    body: { x: {} },
    example: { params: { who: 'a/b' }, query: {}, body: { x: 1 } },
  }),
]
const FAILURES = [
  { status: 401, means: 'credential-refused', bills: false },
  { status: 403, bodyHas: 'credit', means: 'quota-exhausted', bills: false },
] as const

async function opened(t: Test, answers: (one: ScriptedTry) => void, operations: readonly Operation[] = OPERATIONS, quota = 1000) {
  const connection = connectionOf('acme', { quota: units(quota), reserved: units(Math.min(quota, 300)) })
  const adapter = adapterOf(operations, { failures: FAILURES })
  const rig = await openInside(t, { adapter, apis: new Map([['acme', [connection]]]), bufferBytes: 64 })
  rig.provider.answers = answers
  const [route] = [...rig.generation.routes]
  if (route === undefined) throw new Error('no route')
  const ports = { store: rig.store, clock: rig.clock, chance: rig.ports.chance, transport: rig.provider, withinMs: 200, bufferBytes: 64 }
  return { rig, run: () => probe(ports, { route, connection, generation: { number: 1, config: 'digest' } }) }
}

const standing = async ({ admin, store }: Inside): Promise<string> => {
  const { sold, own, wasted, revenue } = await admin.counters('acme')
  return `${sold} sold, ${own} own, ${wasted} wasted, ${revenue} earned, ${store.stock.leftForOwner('acme')} left`
}

t.test('the cheapest operation that only reads and is sold is called, as its example says, and counts as the owner’s own', async (t) => {
  const { rig, run } = await opened(t, (one) => one.answer(200, '{}', ['X-Left', '42']))
  const probed = await run()
  t.match(probed, { state: 'made', operation: 'cheap', meaning: 'ok', status: 200 })
  t.same(
    probed.rawHeaders.map((field) => field.toString()),
    ['X-Left', '42'],
  )
  t.match(rig.provider.tries[0]?.request, { method: 'POST', path: '/of/a%2Fb', query: '', connection: { name: 'acme' } })
  t.equal(Buffer.from(rig.provider.tries[0]?.request.body ?? '').toString(), '{"x":1}')
  t.equal(await standing(rig), '0 sold, 2 own, 0 wasted, 0 earned, 998 left')
  await rig.flushed()
  const charge = rig.journal.at(-1)
  t.match(charge, { t: 'charge', by: 'owner', price: '0', units: 2 })
  t.match(wholeCall(charge as Charged), { kind: 'free', consumer: 'probe:alice' })
})

for (const [what, answers, meaning, stands] of [
  ['a refused credential costs nothing', (one) => one.answer(401, 'no'), 'credential-refused', '0 sold, 0 own, 0 wasted, 0 earned, 1000 left'],
  ['a used up quota costs nothing', (one) => one.answer(403, 'no Credits left'), 'quota-exhausted', '0 sold, 0 own, 0 wasted, 0 earned, 1000 left'],
  ['a failure that may be billed is wasted', (one) => one.answer(500, 'oops'), 'provider-down', '0 sold, 0 own, 2 wasted, 0 earned, 998 left'],
  ['what nobody knows is wasted', (one) => one.answer(402, 'pay'), 'unknown', '0 sold, 0 own, 2 wasted, 0 earned, 998 left'],
  ['a connection that breaks is wasted', (one) => one.error(true), 'broken', '0 sold, 0 own, 2 wasted, 0 earned, 998 left'],
  ['what never left costs nothing', (one) => one.error(false), 'broken', '0 sold, 0 own, 0 wasted, 0 earned, 1000 left'],
  ['silence is wasted', () => undefined, 'timeout', '0 sold, 0 own, 2 wasted, 0 earned, 998 left'],
  ['of a long answer no more is read than a call keeps', (one) => one.answer(200, 'x'.repeat(100)), 'ok', '0 sold, 2 own, 0 wasted, 0 earned, 998 left'],
] as readonly [string, (one: ScriptedTry) => void, string, string][]) {
  t.test(`${what}`, async (t) => {
    const { rig, run } = await opened(t, answers)
    t.match(await run(), { state: 'made', meaning })
    t.equal(await standing(rig), stands)
  })
}

t.test('without a fitting operation, or without a unit, nobody is asked', async (t) => {
  for (const [operations, quota, why] of [
    [OPERATIONS.slice(1, 4), 1000, /no operation of a constant price/],
    [OPERATIONS, 1, /no connection has units/],
  ] as const) {
    const { rig, run } = await opened(t, (one) => one.answer(200, '{}'), operations, quota)
    t.match(await run(), { state: 'not-made', why })
    t.equal(rig.provider.tries.length, 0)
  }
})

t.test('an operation without an example is called where nothing has to be said', async (t) => {
  const { rig, run } = await opened(t, (one) => one.answer(200, '{}'), [operationOf('needs', { required: ['q'] }), operationOf('plain')])
  t.match(await run(), { state: 'made', operation: 'plain', meaning: 'ok' })
  t.equal(rig.provider.tries.length, 1)
})
