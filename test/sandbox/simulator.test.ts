/** Guarantees of the sandbox's simulated providers, over real HTTP. */
import { readdir } from 'node:fs/promises'
import t from 'tap'
import type { Adapter, CredentialPlace, Operation } from '#contract'
import { type Ask, acme, ask, plainOperation, SECRET, simulating, sorted, statuses } from './simulating.ts'

// ------------------------------------------------------------------ every adapter

const folder = new URL('../../adapters/', import.meta.url)
const files = (await readdir(folder)).filter((file) => file.endsWith('.js'))
const adapters = await Promise.all(files.map(async (file) => (await import(new URL(file, folder).href)).default as Adapter))

/** The example of an operation, with the credential where the provider wants it. */
function exampleOf({ credential }: Adapter, operation: Operation): [path: string, ask: Ask] {
  const { params = {}, query = {}, body } = operation.example ?? {}
  const inPath = credential.in === 'path' ? `/${encodeURIComponent(SECRET)}` : ''
  const path = inPath + operation.path.replaceAll(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams({ ...query, ...(credential.in === 'query' && { [credential.name]: SECRET }) }).toString()
  const headers: Record<string, string> = credential.in === 'header' ? { [credential.name]: SECRET } : {}
  return [search === '' ? path : `${path}?${search}`, { method: operation.method, headers, ...(body !== undefined && { body }) }]
}

t.test('the example of every operation is answered with its sample, and uses units', async (t) => {
  for (const adapter of adapters) {
    const { simulator } = await simulating(t, { adapter, quota: Number.POSITIVE_INFINITY })
    for (const operation of adapter.operations) {
      const before = simulator.used('it')
      const answer = await ask(simulator, ...exampleOf(adapter, operation))
      t.equal(answer.status, 200, `${adapter.name} ${operation.id}`)
      t.same(await answer.json(), operation.sample)
      const used = simulator.used('it') - before
      t.ok(used > 0 && (typeof operation.units !== 'number' || used === operation.units), `used ${used}`)
    }
  }
})

t.test('the failures of every adapter are played with their own status and body', async (t) => {
  for (const adapter of adapters) {
    const [operation] = adapter.operations
    if (operation === undefined) continue
    const { simulator } = await simulating(t, { adapter, quota: 0 })
    const [path, example] = exampleOf(adapter, operation)
    const expected = adapter.failures.find(({ means }) => means === 'quota-exhausted')
    const answer = await ask(simulator, path, example)
    t.equal(answer.status, expected?.status ?? 403, adapter.name)
    if (expected !== undefined) t.same(await saidBy(answer), expected.sample)
    const refused = adapter.failures.find(({ means }) => means === 'credential-refused')
    const without = path.replace(encodeURIComponent(SECRET), 'guess')
    if (refused !== undefined) t.same(await saidBy(await ask(simulator, without, { ...example, headers: {} })), refused.sample)
  }
})

const saidBy = (answer: Response): Promise<unknown> => (answer.headers.get('content-type') === 'text/plain' ? answer.text() : answer.json())

t.test('a usage endpoint tells in its own form what is left or used, to whoever shows the credential where it belongs', async (t) => {
  const inPath = encodeURIComponent(SECRET)
  const credential: CredentialPlace = { in: 'path' }
  const told: readonly [Adapter['quota']['usage'] & object, Partial<Adapter>, path: string, said: unknown][] = [
    [{ method: 'GET', path: '/account', remaining: ['left', 'other'] }, {}, '/account', { left: 9 }],
    [{ method: 'GET', path: '/account', used: '/a/used' }, {}, '/account', { a: { used: 1 } }],
    [{ method: 'GET', path: '/usage/{credential}', remaining: 'left' }, { credential }, `/usage/${inPath}`, { left: 9 }],
    [{ method: 'GET', path: '/usage', remaining: 'left' }, { credential }, `/${inPath}/usage`, { left: 9 }],
    [
      { method: 'GET', path: '/periods', used: 'used', periods: { from: 'from', to: 'to' } },
      {},
      '/periods',
      [{ used: 1, from: '1970-01-01T00:00:00.000Z', to: '1970-02-01T00:00:00.000Z' }],
    ],
  ]
  for (const [usage, more, path, said] of told) {
    const { simulator } = await simulating(t, { quota: 10, adapter: { ...acme, ...more, quota: { ...acme.quota, usage } } })
    await ask(simulator, more.credential === undefined ? '/one/x' : `/${inPath}/one/x`)
    t.same(await (await ask(simulator, path)).json(), said, path)
    t.equal((await ask(simulator, path.replace(inPath, 'guess'), { headers: {} })).status, 401, `${path} without the credential`)
    t.equal(simulator.used('it'), 1, 'asking is free')
  }
})

// ------------------------------------------------------------------ credentials

t.test('a refused credential is answered as the provider would, wherever the credential stands', async (t) => {
  const basic = `Basic ${Buffer.from(SECRET).toString('base64')}`
  const inPath = encodeURIComponent(SECRET)
  const places: readonly [CredentialPlace, good: [string, Ask], bad: [string, Ask]][] = [
    [{ in: 'header', name: 'X-Key' }, ['/one/x', {}], ['/one/x', { headers: { 'x-key': 'guess' } }]],
    [{ in: 'bearer' }, ['/one/x', { headers: { authorization: `Bearer ${SECRET}` } }], ['/one/x', { headers: { authorization: SECRET } }]],
    [{ in: 'basic' }, ['/one/x', { headers: { authorization: basic } }], ['/one/x', {}]],
    [{ in: 'query', name: 'key' }, [`/one/x?key=${inPath}`, {}], ['/one/x?key=guess', {}]],
    [{ in: 'path' }, [`/${inPath}/one/x`, {}], ['/guess/one/x', {}]],
    [{ in: 'path' }, [`/usage/${inPath}`, {}], ['/usage/guess', {}]],
  ]
  for (const [credential, good, bad] of places) {
    const usage: Operation = { ...plainOperation, id: 'usage', path: '/usage/{credential}' }
    const operations = credential.in === 'path' ? [plainOperation, usage] : acme.operations
    const { simulator } = await simulating(t, { adapter: { ...acme, credential, operations, failures: [{ status: 499, means: 'credential-refused' }] } })
    t.same(await statuses([ask(simulator, ...good), ask(simulator, ...bad)]), [200, 499], credential.in)
    t.equal(simulator.used('it'), 1, 'a refused call uses nothing')
  }
})

// ------------------------------------------------------------------ operations, quota, pace

t.test('what no operation matches is not found, and uses nothing', async (t) => {
  const { simulator } = await simulating(t)
  const paths = ['/', '/one', '/one/', '/one/x/y', '/One/x', '/find', '/one/%E0%A4%A']
  t.same(
    await statuses(paths.map((path) => ask(simulator, path))),
    paths.map(() => 404),
  )
  t.equal((await fetch(simulator.baseUrl('nobody'))).status, 404)
  t.equal(simulator.used('it'), 0)
})

t.test('a request without what is required gets the bad-request answer of the adapter', async (t) => {
  const { simulator } = await simulating(t)
  for (const body of [{ deep: true }, '{"q":', '[]', 'null']) {
    const answer = await ask(simulator, '/find', { body })
    t.equal(answer.status, 418)
    t.equal(answer.headers.get('content-type'), 'text/plain')
    t.equal(await answer.text(), 'a teapot wants tea')
  }
  t.equal(simulator.used('it'), 0)
})

t.test('each of several members will do where one of them is required', async (t) => {
  const either = { ...plainOperation, query: ['a', 'b'], requiredAny: ['a', 'b'] }
  const { simulator } = await simulating(t, { adapter: { ...acme, operations: [either] } })
  t.same(await statuses(['?a=1', '?b=1', '', '?c=1'].map((query) => ask(simulator, `/one/x${query}`))), [200, 200, 418, 418])
})

t.test('units follow the request, also when it differs from the last one in its body only', async (t) => {
  const { simulator } = await simulating(t)
  const used: number[] = []
  for (const deep of [false, true, true, false]) {
    await ask(simulator, '/find', { body: { q: 'x', deep } })
    used.push(simulator.used('it'))
  }
  t.same(used, [1, 6, 11, 12])
})

t.test('a used-up quota is answered as the provider would, and the last units are still to be had', async (t) => {
  const { simulator } = await simulating(t, { quota: 3 })
  t.equal((await ask(simulator, '/find', { body: { q: 'x', deep: true } })).status, 429, 'five units are more than three')
  t.same(await sorted([1, 2, 3, 4].map(() => ask(simulator, '/one/x'))), [200, 200, 200, 429])
  t.match(await (await ask(simulator, '/one/x')).text(), /month/)
  t.equal(simulator.used('it'), 3)
})

t.test('calls above the pace are turned away with Retry-After until time goes on', async (t) => {
  const { simulator, clock } = await simulating(t, { paced: true })
  t.same(await sorted([1, 2, 3].map(() => ask(simulator, '/one/x'))), [200, 200, 429])
  t.equal((await ask(simulator, '/one/x')).headers.get('retry-after'), '1')
  clock.forward(0.5)
  t.same(await sorted([1, 2].map(() => ask(simulator, '/one/x'))), [200, 429])
  t.equal(simulator.used('it'), 3)
})

t.test('a good answer carries the marks that no consumer may see', async (t) => {
  const { simulator } = await simulating(t, { quota: 10 })
  const { headers } = await ask(simulator, '/one/x')
  t.equal(headers.get('x-left'), '9')
  for (const name of ['x-request-id', 'set-cookie', 'server']) t.ok(headers.get(name), name)
})

// ------------------------------------------------------------------ accounts

t.test('each connection has an account of its own, and keeps it when it is registered again', async (t) => {
  const { simulator } = await simulating(t, { quota: 1 })
  simulator.register({ name: 'an other', adapter: acme, credential: 'theirs', quota: 1 })
  t.equal((await ask(simulator, '/one/x')).status, 200)
  t.equal((await ask(simulator, '/one/x', { connection: 'an other' })).status, 401, 'keys do not open other accounts')
  t.equal((await ask(simulator, '/one/x', { connection: 'an other', headers: { 'x-key': 'theirs' } })).status, 200)
  simulator.register({ name: 'it', adapter: acme, credential: 'rotated', quota: 2 })
  t.equal((await ask(simulator, '/one/x')).status, 401)
  t.same(await sorted([1, 2].map(() => ask(simulator, '/one/x', { headers: { 'x-key': 'rotated' } }))), [200, 429])
  t.equal(simulator.used('it'), 2)
})

t.test('calls are seen as they arrived, and only the last of them are kept', async (t) => {
  const { simulator } = await simulating(t)
  await ask(simulator, '/find?a=%20b', { body: { q: 'ü' } })
  t.match(simulator.calls('it'), [{ method: 'POST', path: '/find', query: 'a=%20b', body: '{"q":"ü"}', headers: { 'x-key': SECRET } }])
  for (let n = 0; n < 300; n++) await ask(simulator, `/one/${n}`)
  const calls = simulator.calls('it')
  t.ok(calls.length < 300, `${calls.length} are kept`)
  t.same(
    calls.slice(-2).map(({ path }) => path),
    ['/one/298', '/one/299'],
  )
  t.equal(calls[0]?.path, `/one/${300 - calls.length}`)
})
