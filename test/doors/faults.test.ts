/** A fault in somebody's adapter or plugin refuses the calls that meet it, costs nothing, and brings nothing else down. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Answer, BALANCE, bearer, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown, temporaryFolder, WALLET } from '../rig/gateway.ts'

/** What is wrong from the beginning is refused at load: these go wrong afterwards. */
const BEGUN = 'atlas-test-faults-have-begun'
const globals = globalThis as unknown as Record<string, boolean>

const ADAPTER = `
const hasBegun = () => globalThis['${BEGUN}'] === true
const rule = () => { if (hasBegun()) throw new Error('telltale'); return 1 }
const operation = { resale: 'allowed', description: 'x', sample: { ok: true } }
export default {
  name: 'faulty', title: 'Faulty', category: 'Test', docs: 'https://faulty.example', baseUrl: 'https://faulty.example',
  credential: { in: 'none' }, quota: { unit: 'call', resets: 'billing-day' }, subscriptionCostUsd: '10', terms: { source: 'x', checked: '2026-11-23' },
  operations: [
    { ...operation, id: 'good', method: 'GET', path: '/good', units: 1 },
    { ...operation, id: 'throws', method: 'GET', path: '/throws', units: rule },
    { ...operation, id: 'nonsense', method: 'GET', path: '/nonsense', units: () => (hasBegun() ? Number.NaN : 1) },
    { ...operation, id: 'actual', method: 'GET', path: '/actual', units: { most: () => 3, actual: rule } },
  ],
  failures: [],
}`

const PLUGIN = `
export default {
  name: 'faulty-plugin', describe: 'x', settings: {},
  create: () => ({
    admit: (call) => { if (call.header('x-fault') === 'admit') throw new Error('telltale') },
    observe: () => { throw new Error('telltale') },
    observeRefused: () => { throw new Error('telltale') },
  }),
}`

async function open(t: Teardown): Promise<Rig & { consumer: string }> {
  const folder = temporaryFolder(t)
  for (const [name, text] of [
    ['adapters/faulty.mjs', ADAPTER],
    ['plugins/faulty-plugin.mjs', PLUGIN],
  ] as const) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  globals[BEGUN] = false
  const connections = ['nansen', 'faulty'].map((name) => ({ name, monthly_quota: 10_000, reserved: 1000, base_cost: '$0.05' }))
  const plugins = ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve', 'faulty-plugin']
  const rig = await openGateway(t, sandbox({ adapter_dirs: ['./adapters'], plugin_dirs: ['./plugins'], api_connections: connections, plugins }), { folder })
  globals[BEGUN] = true
  return { ...rig, consumer: (await rig.key({ credits: '$5' })).key }
}

const code = ({ status, text }: Answer): string => (status === 200 ? '200' : `${status} ${JSON.parse(text).code}`)

t.test('an adapter whose rules throw refuses those operations, and the others go on', async (t) => {
  const rig = await open(t)
  const headers = bearer(rig.consumer)
  const asked = [
    await rig.call('GET', '/faulty/throws', { headers }),
    await rig.call('GET', '/faulty/throws'),
    await rig.call('GET', '/faulty/nonsense', { headers }),
  ]
  for (const answer of asked) {
    t.equal(code(answer), '503 unavailable')
    t.notMatch(answer.text, /telltale|\n {4}at /)
  }
  t.match((await rig.call('GET', '/credits', { headers })).json, { balance: '5.00' })
  const actual = await rig.call('GET', '/faulty/actual', { headers })
  t.equal(`${code(actual)} ${actual.headers['x-atlas-units']}`, '200 3', 'what the answer does not tell is charged at the most')
  t.equal(code(await rig.call('GET', '/faulty/good', { headers })), '200')
  t.equal(code(await rig.call('POST', BALANCE, { headers, body: WALLET })), '200')
  t.match(JSON.stringify(rig.logged), /telltale/, 'the log says why')
})

t.test('the catalogue leaves out what has no price, and shows the rest', async (t) => {
  const rig = await open(t)
  const { apis } = (await rig.call('GET', '/catalog')).json as { apis: { name: string; operations: { id: string }[] }[] }
  const faulty = apis.find(({ name }) => name === 'faulty')?.operations.map(({ id }) => id)
  t.same(faulty, ['good', 'actual'])
  t.ok(apis.some(({ name }) => name === 'nansen'))
  t.equal((await rig.call('GET', '/', { headers: { accept: 'text/html' } })).status, 200)
})

t.test('a plugin that throws refuses the call where it could have refused, and is passed over where it only looks on', async (t) => {
  const rig = await open(t)
  const headers = bearer(rig.consumer)
  t.equal(code(await rig.call('GET', '/faulty/good', { headers: { ...headers, 'x-fault': 'admit' } })), '503 unavailable')
  t.equal(code(await rig.call('GET', '/faulty/good', { headers })), '200', 'though its observe throws')
  t.equal(code(await rig.call('GET', '/faulty/nothing', { headers })), '404 unknown_operation')
  t.match((await rig.call('GET', '/credits', { headers })).json, { balance: '4.85' })
  t.match((await rig.office.marketplace.status()).connections, [{ name: 'nansen' }, { name: 'faulty', sold_units: 1, wasted_units: 0 }])
})
