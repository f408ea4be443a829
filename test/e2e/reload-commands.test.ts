/** `atlas reload` and `atlas diff` beside a gateway that runs, and what a reload finds in folders. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { atlas } from '../rig/atlas.ts'
import { temporaryFolder, until } from '../rig/gateway.ts'
import { configOf, DEARER, NANSEN, openReloaded, replace } from '../rig/reloaded.ts'

t.test('atlas reload takes the file and says what changed; SIGHUP takes it, too', async (t) => {
  const { file, price, quote, started, atlas } = await openReloaded(t)
  t.match((await atlas('reload')).stdout, /^taken as generation 2\nnothing differs/)
  const before = await atlas('reload', '--json')
  t.match(before.json, { taken: true, generation: 3, changes: [] })
  replace(file, configOf({ markup: '4x', reserved: 4000 }))
  await until('it is taken', async () => (await quote()) === DEARER, 20_000)
  process.kill(started.pid, 'SIGHUP')
  await until('the log says so', () => started.stderr().includes('"by":"SIGHUP"'), 20_000)
  t.equal(await price(), '$0.20')
})

const DIFF = `connections
  nansen  reserved            3000 → 4000
          markup              3x → 4x
          price               $0.15 a unit → $0.20 a unit
          for sale            7,000 units a month → 6,000 units a month
          most that it earns  $1050.00 a month → $1200.00 a month
  kaito   connection          - → kaito of operator
          price               - → $0.30 a unit
          for sale            - → 900 units a month
          most that it earns  - → $270.00 a month
routes
  /kaito  route  - → kaito, 1 operation by kaito
plugins
  markup-billing  platform_share  10% → 20%
limits
  limits.body  1MiB → 2MiB
needs a restart
  ledger
`

t.test('atlas diff says what a changed file means, in money, too, and what needs a restart; nothing is taken', async (t) => {
  const { file, price, started } = await openReloaded(t)
  const changed = join(file, '..', 'changed.yml')
  const kaito = { name: 'kaito', monthly_quota: 1000, reserved: 100, base_cost: '$0.10', resale_terms: 'agreement:x' }
  const config = configOf({ markup: '4x', reserved: 4000 }, { ledger: { path: './books' }, limits: { body: '2MiB' } }) as {
    api_connections: object[]
    plugins: unknown[]
  }
  config.api_connections.push(kaito)
  config.plugins[3] = { 'markup-billing': { platform_share: '20%' } }
  writeFileSync(changed, JSON.stringify(config, null, 2))
  const options = { env: { ...started.env, PORT: '0' }, cwd: join(file, '..') }
  const said = await atlas(['diff', '--config', 'changed.yml'], options)
  t.equal(said.status, 0)
  t.equal(said.stdout, DIFF)
  t.match(said.stderr, /warning: changed\.yml:\d+:\d+: monthly_quota 1000 of kaito is outside what Kaito usually sells/)
  const json = (await atlas(['diff', '--config', 'changed.yml', '--json'], options)).json
  t.match(json, { needs_restart: ['ledger'], changes: [{ area: 'connections', of: 'nansen', what: 'reserved', before: '3000', after: '4000' }] })
  const here = await atlas(['diff', '--config', 'changed.yml', '--against', 'gateway.config.yml'], options)
  t.equal(here.stdout, DIFF, 'the same between two files')
  t.equal(await price(), '$0.15')
})

t.test('an adapter that is dropped into a listed folder is there after a reload, and a changed one is read anew', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'more'))
  const withMore = (connections: readonly object[]): object => ({ ...configOf(), adapter_dirs: ['./more'], api_connections: [NANSEN, ...connections] })
  const { file, started, atlas } = await openReloaded(t, withMore([]), folder)
  writeFileSync(join(folder, 'more/dropped.mjs'), adapterText(1))
  replace(file, withMore([{ name: 'dropped', monthly_quota: 100, reserved: 0, base_cost: '$0.10', resale_terms: 'confirmed' }]))
  const units = async (): Promise<unknown> => {
    const { apis } = (await (await fetch(`${started.publicUrl}/catalog`)).json()) as { apis: { name: string; operations: { units: number }[] }[] }
    return apis.find(({ name }) => name === 'dropped')?.operations[0]?.units
  }
  t.equal((await atlas('reload')).status, 0)
  t.equal(await units(), 1)
  writeFileSync(join(folder, 'more/dropped.mjs'), adapterText(22))
  const reload = await atlas('reload')
  t.match(reload.stdout, 'operation now  1 unit → 22 units')
  t.equal(await units(), 22)
  writeFileSync(join(folder, 'more/dropped.mjs'), 'export default { name: "dropped", }; what is this')
  t.match(await atlas('reload'), { status: 1, stderr: /more\/dropped\.mjs: could not be loaded/ })
  t.equal(await units(), 22)
})

const adapterText = (units: number): string => `import { defineAdapter } from 'atlas-gateway'
export default defineAdapter({
  name: 'dropped', title: 'Dropped', category: 'Test', docs: 'https://dropped.example', baseUrl: 'https://dropped.example',
  credential: { in: 'header', name: 'X-Key' }, quota: { unit: 'call', resets: 'billing-day' },
  terms: { source: 'https://dropped.example/terms', checked: '2026-11-23' },
  operations: [{ id: 'now', method: 'GET', path: '/now', units: ${units}, resale: 'allowed', sample: {} }], failures: [],
})`
