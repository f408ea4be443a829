/** Every file in adapters/ keeps the guarantees of the kit, and the kit complains about each way to break them. */
import { readdir } from 'node:fs/promises'
import t from 'tap'
import { type Adapter, defineAdapter, type Operation, type OperationRequest } from '#contract'
import { faultsOfAdapter } from '../../config/adapter-check/index.ts'
import { guarantees } from '../../gateway/kit/adapter-guarantees.ts'

const folder = new URL('../../adapters/', import.meta.url)

async function everyAdapter(): Promise<ReadonlyMap<string, Adapter>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.js')).sort()
  const loaded = files.map(async (file) => [file.slice(0, -3), (await import(new URL(file, folder).href)).default as Adapter] as const)
  return new Map(await Promise.all(loaded))
}

// ------------------------------------------------------------------ the kit itself

const operation: Operation = {
  id: 'rows',
  method: 'GET',
  path: '/rows/:of',
  units: { most: () => 10, actual: (_request, answer) => (Array.isArray(answer) ? Math.min(10, Math.max(1, answer.length)) : 1) },
  query: { limit: { type: 'integer', minimum: 1, maximum: 10 }, by: { type: 'string' } },
  required: ['limit'],
  requiredAny: ['by', 'of'],
  resale: 'attribution',
  example: { params: { of: 'x' }, query: { limit: '3' } },
  sample: [{ id: 1 }],
}

const sound: Adapter = defineAdapter({
  name: 'sound',
  title: 'Sound',
  category: 'Tests',
  docs: 'https://sound.example',
  baseUrl: 'https://api.sound.example/v1',
  credential: { in: 'query', name: 'key' },
  quota: { unit: 'credit', resets: 'day', typical: [10, 20] },
  subscriptionCostUsd: '5',
  rateLimit: { perSecond: 2 },
  terms: { attribution: 'Data: Sound', source: 'sound.example/terms', checked: '2026-11-23' },
  operations: [operation],
  failures: [
    { status: 429, bodyHas: 'monthly', means: 'quota-exhausted', sample: { error: 'Monthly limit' } },
    { status: 429, means: 'rate-limited', sample: 'slow down' },
  ],
})

const withOperation = (change: Partial<Operation>): Adapter => ({ ...sound, operations: [{ ...operation, ...change }] })
const broken = (status: number, bodyHas: string, sample: unknown): Adapter => ({ ...sound, failures: [{ status, bodyHas, means: 'unknown', sample }] })

/** Adapters that break exactly the guarantee that they stand under. */
const offences: Readonly<Record<string, readonly Adapter[]>> = {
  'its name is the name of its file': [{ ...sound, name: 'other' }],
  'each operation has an id of its own that a price list and a tool can use': [
    withOperation({ id: 'Rows/of' }),
    { ...sound, operations: [operation, { ...operation, method: 'PUT' }] },
  ],
  'no two operations have the same method and path': [{ ...sound, operations: [operation, { ...operation, id: 'again' }] }],
  'no path leaves the base': ['rows/:of', '/../rows/:of', '/a%2fb/:of', '/:of//rows', '/**/:of', '/rows?x=/:of'].map((path) => withOperation({ path })),
  'every schema is valid': [withOperation({ query: { limit: { type: 'integer' }, by: { type: 'strnig' } } })],
  'the example is complete and fits its own schemas': [
    withOperation({ example: { query: { limit: '3' } } }),
    withOperation({ example: { params: { of: 'x' } } }),
    withOperation({ example: { params: { of: 'x' }, query: { limit: '11' } } }),
    withOperation({ example: { params: { of: 'x' }, query: { limit: '1e0' } } }),
    withOperation({ example: { params: { of: 'x' }, query: { limit: '1', page: '2' } } }),
    withOperation({ query: { limit: { type: 'integer' }, by: { type: 'string' }, or: { type: 'string' } }, requiredAny: ['by', 'or'] }),
  ],
  'whatever is required is listed': [withOperation({ requiredAny: ['of', 'nobody'] })],
  'an operation without a body asks for none': [withOperation({ body: { q: { type: 'string' } } })],
  'units are whole, positive and never above the most': [
    withOperation({ units: 0 }),
    withOperation({ units: () => 1.5 }),
    withOperation({ units: { most: () => 10, actual: (_request, answer) => (Array.isArray(answer) ? answer.length : 1) } }),
    withOperation({ units: { most: () => 10, actual: () => -1 } }),
  ],
  'the sample is JSON': [withOperation({ sample: undefined }), withOperation({ sample: [{ at: new Date(0) }] })],
  'what asks for attribution has a credit line': [{ ...sound, terms: { source: 'x', checked: '2026-11-23' } }],
  "the provider's own price is an amount": [withOperation({ ownPriceUsd: '1 cent' })],
  'subscription, quota and pace are figures that can be': [
    { ...sound, subscriptionCostUsd: '-5' },
    { ...sound, rateLimit: { perSecond: 0 } },
    { ...sound, quota: { ...sound.quota, typical: [20, 10] } },
    { ...sound, quota: { ...sound.quota, usage: { method: 'GET', path: '/of/:who', remaining: 'left' } } },
  ],
  'the credential has one place, out of reach of consumers': [
    { ...sound, credential: { in: 'query', name: 'by' } },
    { ...sound, baseUrl: 'http://api.sound.example/v1' },
    { ...sound, baseUrl: 'https://api.sound.example/v1/' },
    withOperation({ path: '/{credential}/:of' }),
  ],
  'every failure rule is reached, and its sample is read by it': [
    { ...sound, failures: [...sound.failures].reverse() },
    broken(403, 'credit', { message: 'no' }),
    broken(200, 'error', { error: 'no' }),
  ],
  'terms say where and when they were read': [
    { ...sound, terms: { ...sound.terms, checked: 'yesterday' } },
    { ...sound, terms: { ...sound.terms, source: '' } },
    withOperation({ source: 'elsewhere' }),
  ],
}

t.test('the kit has nothing to say about a sound adapter', async (t) => {
  for (const guarantee of guarantees) t.same(guarantee.complaints(sound, 'sound'), [], guarantee.name)
})

t.test('the kit complains about every adapter that breaks a guarantee, and about nothing else in it', async (t) => {
  t.same(
    Object.keys(offences),
    guarantees.map(({ name }) => name),
    'each guarantee has somebody who breaks it',
  )
  for (const [broken, adapters] of Object.entries(offences)) {
    for (const [at, adapter] of adapters.entries()) {
      const complaining = guarantees.filter((guarantee) => guarantee.complaints(adapter, 'sound').length > 0).map(({ name }) => name)
      t.same(complaining, [broken], `offence ${at + 1}`)
    }
  }
})

// ------------------------------------------------------------------ the adapters

t.test('every adapter keeps every guarantee', async (t) => {
  const adapters = await everyAdapter()
  for (const name of ['arkham', 'custom', 'defillama', 'glassnode', 'kaito', 'messari', 'nansen']) t.ok(adapters.has(name), `${name} is there`)
  for (const [file, adapter] of adapters) {
    t.test(file, async (t) => {
      for (const guarantee of guarantees) t.same(guarantee.complaints(adapter, file), [], guarantee.name)
      t.same(faultsOfAdapter(adapter), [], 'nor has the check at load anything to say')
    })
  }
})

// ------------------------------------------------------------------ what would cost money or break terms

const requestWith = (more: Partial<OperationRequest>): OperationRequest => ({ params: {}, query: {}, queryAll: new Map(), body: undefined, ...more })
const rows = (count: number) => ({ count: 10_000, transfers: Array(count).fill({}) })

t.test('premium labels of Nansen cost what Nansen takes for them, and nothing else can ask for them', async (t) => {
  const nansen = (await everyAdapter()).get('nansen')
  const asking = nansen?.operations.filter(({ body }) => 'premium_labels' in Object(body)) ?? []
  t.same(
    asking.map(({ id }) => id),
    ['tgm-holders', 'tgm-pnl-leaderboard'],
  )
  for (const { units } of asking) {
    if (typeof units !== 'function') throw new Error('units depend on the request')
    t.same(
      [true, false, undefined].map((premium_labels) => units(requestWith({ body: { premium_labels } }))),
      [150, 5, 5],
    )
  }
})

t.test('Nansen sells nothing without a word from its owner but what its guidelines open', async (t) => {
  const nansen = (await everyAdapter()).get('nansen')
  const ids = (resale: string) =>
    nansen?.operations.filter((operation) => operation.resale === resale).map(({ id }) => id.replace(/^(profiler-address|tgm)-/, ''))
  t.same(ids('allowed'), ['current-balance', 'historical-balances', 'pnl-summary', 'pnl'])
  t.same(ids('attribution'), [
    ...['transactions', 'counterparties', 'related-wallets', 'token-screener'],
    ...['flows', 'who-bought-sold', 'flow-intelligence', 'dex-trades', 'transfers'],
  ])
  t.same(ids('ask'), ['smart-money-historical-holdings', 'portfolio-defi-holdings', 'token-information'])
})

t.test('Arkham is paid by the row: the limit before the call, the rows after it, never more than the limit', async (t) => {
  const units = (await everyAdapter()).get('arkham')?.operations.find(({ id }) => id === 'transfers')?.units
  if (typeof units !== 'object') throw new Error('units depend on the answer')
  t.equal(units.most(requestWith({})), 40, 'the provider sends 20 rows where no limit is named')
  const limited = requestWith({ query: { limit: '7' } })
  t.equal(units.most(limited), 14)
  t.same(
    [0, 1, 3, 7, 9].map((count) => units.actual(limited, rows(count))),
    [2, 2, 6, 14, 14],
  )
})
