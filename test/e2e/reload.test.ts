/** A changed file while the gateway runs: taken without a restart, or refused with every complaint while the old one serves. */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { atlas, type Started, startAtlas } from '../rig/atlas.ts'
import { BALANCE, bearer, OPEN_RATE, sandbox, temporaryFolder, until, WALLET, writeConfig } from '../rig/gateway.ts'

interface Connection {
  readonly name: string
  readonly [setting: string]: unknown
}

const NANSEN: Connection = { name: 'nansen', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed' }

const configOf = (connection: object = {}, more: object = {}): object =>
  sandbox({
    api_connections: [{ ...NANSEN, ...connection }],
    plugins: ['auth', 'abuse-detect', OPEN_RATE, { 'markup-billing': { platform_share: '10%' } }, X402, 'quota-reserve'],
    ...more,
  })

const JSON_BODY = { 'content-type': 'application/json' }
const DEARER = 'the call costs $0.20'
const X402 = { 'x402-payment': { network: 'base-sepolia', facilitator: 'sandbox', pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }

interface World {
  readonly file: string
  readonly started: Started
  /** What a call is charged. */
  price(): Promise<string | null>
  /** What an unpaid call is told, as often as somebody wants to know. */
  quote(): Promise<unknown>
  atlas(...args: string[]): ReturnType<typeof atlas>
}

async function open(t: Test, config: object = configOf(), folder = temporaryFolder(t)): Promise<World> {
  const file = writeConfig(folder, config)
  const started = await startAtlas(t, file)
  await until('the play key is shown', () => /atlas_\w+/.test(started.stdout()))
  const [key = ''] = /atlas_\w+/.exec(started.stdout()) ?? []
  return {
    ...{ file, started },
    price: async () => {
      const headers = { ...bearer(key), 'content-type': 'application/json' }
      let price: string | null = null
      // A machine that stands still for 200 ms makes a good call 503, which charges nothing.
      await until('a call is no 503', async () => {
        const answer = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers, body: JSON.stringify(WALLET) })
        await answer.arrayBuffer()
        price = answer.headers.get('x-atlas-price')
        return answer.status !== 503
      })
      return price
    },
    quote: async () => {
      const answer = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(WALLET) })
      return ((await answer.json()) as { detail?: string }).detail
    },
    atlas: (...args) => atlas([...args, '--config', file], { env: { ...started.env, PORT: '0' } }),
  }
}

/** As most editors do it: another file in the place of the old one. */
function replace(file: string, config: object | string): void {
  writeFileSync(`${file}.new`, typeof config === 'string' ? config : JSON.stringify(config, null, 2))
  renameSync(`${file}.new`, file)
}

t.test('the next call after an edit has the new price, and so has every page; nobody restarted anything', async (t) => {
  const { file, price, quote, started } = await open(t)
  t.equal(await price(), '$0.15')
  replace(file, configOf({ markup: '4x' }))
  await until('the new price', async () => (await quote()) === DEARER, 20_000)
  t.equal(await price(), '$0.20')
  const catalog = (await (await fetch(`${started.publicUrl}/catalog`)).json()) as { apis: { operations: { id: string; price: string }[] }[] }
  t.equal(catalog.apis[0]?.operations.find(({ id }) => id.endsWith('current-balance'))?.price, '0.20')
  const page = await (await fetch(`${started.publicUrl}/openapi.json`)).text()
  t.match(page, '0.20')
  const unpaid = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(WALLET) })
  t.match(await unpaid.json(), { accepts: [{ maxAmountRequired: '200000' }] })
  t.equal(await started.stop('SIGTERM'), 0)
})

t.test('a bad file is refused loudly with each complaint and its place, and the one before keeps serving', async (t) => {
  const { file, price, started, atlas } = await open(t)
  replace(file, configOf({ reserved: 12_000, markup: '0.5x' }))
  await until('the refusal is in the log', () => started.stderr().includes('was refused; the one before keeps serving'), 20_000)
  t.match(started.stderr(), /gateway\.config\.yml:\d+:\d+: reserved 12000 is more than monthly_quota 10000; expected 0 to 10000/)
  t.equal(await price(), '$0.15')
  const reload = await atlas('reload')
  t.equal(reload.status, 1)
  t.match(reload.stderr, /gateway\.config\.yml:\d+:\d+: reserved 12000 is more than monthly_quota 10000; expected 0 to 10000\n/)
  t.match(reload.stderr, /gateway\.config\.yml:\d+:\d+: markup/)
  const told = await atlas('reload', '--json')
  t.match(told.json, { taken: false, problems: [/reserved 12000/, /markup/] })
  t.equal(await price(), '$0.15')
})

t.test('a file that changes what a reload cannot is refused whole, with that sentence', async (t) => {
  const { file, price, atlas } = await open(t)
  replace(file, configOf({ markup: '4x' }, { mode: 'sandbox', store: { replay_mb: 64 }, listen: '127.0.0.2:0' }))
  const reload = await atlas('reload')
  t.equal(reload.status, 1)
  for (const setting of ['listen', 'store'])
    t.match(
      reload.stderr,
      new RegExp(`gateway\\.config\\.yml:\\d+:\\d+: ${setting} needs a restart; a reload takes nothing of this file as long as it changes that\n`),
    )
  t.equal(await price(), '$0.15')
})

t.test('atlas reload takes the file and says what changed; SIGHUP takes it, too', async (t) => {
  const { file, price, quote, started, atlas } = await open(t)
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
  const { file, price, started } = await open(t)
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
  const { file, started, atlas } = await open(t, withMore([]), folder)
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
