/** What a file that loads becomes: finished values and exact prices. */

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { definePlugin, dollars, type Plugin, type Setting } from '#contract'
import { formatComplaint } from '../../config/complaints.ts'
import { FOUR, first, load, loaded } from './loading.ts'
import { plugins } from './standins.ts'

t.test('the four lines that sellers know sell at $0.15', async (t) => {
  const config = await loaded(FOUR)
  t.equal(dollars(first(config).unitPrice), '$0.15')
  t.same(first(config).baseCost, { num: 500_000_000n, den: 10_000n })
  t.same(
    config.routes.map(({ prefix, api, adapter, chain }) => [prefix, api, adapter.name, chain.map(({ name }) => name)]),
    [['/nansen', 'nansen', 'nansen', ['auth', 'abuse-detect', 'rate-limit', 'markup-billing', 'x402-payment', 'quota-reserve']]],
  )
  t.match(first(config), {
    owner: 'operator',
    simulated: true,
    baseUrl: undefined,
    period: { every: 'month', billingDay: 1, zone: 'UTC' },
    terms: 'unstated',
  })
})

t.test('everything that is not written has the default of the contract', async (t) => {
  const config = await loaded(FOUR, {
    file: '/srv/atlas/gateway.config.yml',
  })
  t.match(config, {
    mode: 'sandbox',
    folder: '/srv/atlas',
    digest: createHash('sha256').update(FOUR).digest('hex'),
    listen: { host: '127.0.0.1', port: 8080 },
    admin: { host: '127.0.0.1', port: 8081, token: undefined },
    store: {
      driver: 'embedded',
      path: '/srv/atlas/data',
      replayBytes: 256 * 1024 * 1024,
      name: 'atlas',
      durability: 'strict',
    },
    ledger: { driver: 'embedded', path: '/srv/atlas/data' },
    upstream: {
      allowPrivate: false,
      timeoutMs: 30_000,
      bufferBytes: 262_144,
      floor: 0.8,
    },
    trustedProxies: [],
  })
  t.same(config.limits, {
    headerBytes: 16_384,
    headers: 100,
    bodyBytes: 1_048_576,
    headersWithinMs: 10_000,
    idleMs: 60_000,
    connections: 20_000,
    connectionsPerAddress: 2000,
    concurrentPerConsumer: 50,
  })
})

t.test('plugins get finished values', async (t) => {
  const config = await loaded(`${FOUR}plugins:
  - auth
  - rate-limit: { per_consumer: 7/minute }
  - markup-billing: { platform_share: 12.5%, platform_share_of: markup }
  - x402-payment: { pay_to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", quote_ttl: 2m, facilitator: [sandbox, https://x402.example] }
  - quota-reserve
`)
  const [, rate, billing, x402] = config.routes[0]?.chain ?? []
  t.same(rate?.settings, {
    per_consumer: { count: 7, windowSeconds: 60, everyNs: 8_571_428_572 },
    burst: 20,
  })
  t.match([rate?.line, rate?.column], [8, 5])
  t.same(billing?.settings, {
    platform_share: { num: 125n, den: 1000n },
    platform_share_of: 'markup',
  })
  t.match(x402?.settings, {
    network: ['base-sepolia'],
    facilitator: ['sandbox', 'https://x402.example'],
    quote_ttl: 120_000,
    asset: undefined,
    order: 'authorization',
  })
})

t.test('the default chain has no payment by the call in live mode, where nobody said who is paid', async (t) => {
  const config = await loaded(`mode: live\n${FOUR}`)
  t.notOk(config.routes[0]?.chain.some(({ name }) => name === 'x402-payment'))
  t.match(first(config), {
    simulated: false,
    baseUrl: 'https://api.nansen.example/v1',
  })
})

t.test('a base cost that is no whole number of micro-dollars stays exact, and the unit price is rounded up once', async (t) => {
  const config = await loaded('api_connections: [{ name: nansen, monthly_quota: 30000, reserved: 1, subscription_cost: $100, markup: 2.5x }]')
  t.same(first(config).baseCost, { num: 100_000_000n, den: 30_000n })
  t.equal(first(config).unitPrice, 8334n, '3333.333… × 2.5 = 8333.333…')
})

t.test('the unit price is base cost × markup, rounded up to a micro-dollar', async (t) => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 10_000_000 }), fc.integer({ min: 100, max: 999 }), async (micros, hundredths) => {
    const base = `$${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, '0')}`
    const markup = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}x`
    const config = await loaded(`api_connections: [{ name: kaito, monthly_quota: 10000, reserved: 1, base_cost: ${base}, markup: ${markup} }]`)
    return first(config).unitPrice === (BigInt(micros) * BigInt(hundredths) + 99n) / 100n
  })
  await fc.assert(property, { numRuns: 100 })
  t.pass()
})

t.test('the period is the provider’s own unless the file says otherwise', async (t) => {
  const config = await loaded(`api_connections:
  - { name: arkham, monthly_quota: 10000, reserved: 1, base_cost: $1 }
  - { name: arkham-2, adapter: arkham, monthly_quota: 10000, reserved: 1, base_cost: $1, period: day, billing_day: 31, billing_zone: Europe/Berlin }
`)
  t.same(
    config.connections.map(({ period }) => period),
    [
      { every: 'none', billingDay: 1, zone: 'UTC' },
      { every: 'day', billingDay: 31, zone: 'Europe/Berlin' },
    ],
  )
})

t.test('PORT and ADMIN_PORT change only the ports', async (t) => {
  const text = `listen: 0.0.0.0:80\n${FOUR}`
  const config = await loaded(text, {
    overrides: { port: 0, adminPort: 9000 },
  })
  t.same(
    [config.listen, config.admin],
    [
      { host: '0.0.0.0', port: 0 },
      { host: '127.0.0.1', port: 9000 },
    ],
  )
  const { problems } = await load(text, { overrides: { port: 70_000 } })
  t.same(problems.map(formatComplaint), ['gateway.config.yml:1:1: PORT of the environment is no port; expected 0 to 65535'])
})

t.test('a plugin whose declaration is wrong is a complaint, too', async (t) => {
  const broken = (setting: Setting) =>
    new Map([...plugins, ['broken', definePlugin({ name: 'broken', describe: 'B', settings: { pace: setting }, create: () => ({}) }) as Plugin]])
  const text = `${FOUR}plugins: [auth, markup-billing, quota-reserve, broken]\n`
  const pace = await load(text, { plugins: broken({ type: 'rate', default: 'fast', describe: 'P' }) })
  t.same(pace.problems.map(formatComplaint), [
    'gateway.config.yml:6:48: the default of pace of broken is "fast"; expected a rate such as 60/minute; correct its declaration',
  ])
  const pattern = await load(text, { plugins: broken({ type: 'string', pattern: '(', describe: 'P' }) })
  t.match(pattern.problems[0]?.message, /^the settings that plugins declare make no schema: /)
})
