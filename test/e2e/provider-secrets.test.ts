/**
 * Keys that stand in a path or a query: every operation and failure driven, and the usage endpoint; then everything is searched that the
 * gateway said, logged, counted or wrote. They are nowhere but on the way to the provider.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { atlas } from '../rig/atlas.ts'
import { bearer } from '../rig/gateway.ts'
import { providers, type ProviderScript } from '../rig/providers/index.ts'
import { sell } from '../rig/providers/selling.ts'

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))

/** In any way in which a URL or base64 would write it. */
const spellings = (key: string): readonly string[] => [
  key,
  encodeURIComponent(key),
  Buffer.from(key).toString('base64').replace(/=+$/, ''),
  Buffer.from(key).toString('hex'),
]

async function search(t: Test, script: ProviderScript, connection: object): Promise<void> {
  const selling = await sell(t, script, { connection, env: { LOG_LEVEL: 'trace' } })
  const { account, started, ask, admin, consumer } = selling
  const said: string[] = []
  const heard = async (work: ReturnType<typeof ask>): Promise<number> => {
    const { status, text, headers } = await work
    said.push(text, JSON.stringify(headers))
    return status
  }
  const offers = await selling.offers()
  for (const offer of offers) t.equal(await heard(selling.call(offer)), 200, offer.id)
  const named = { 'idempotency-key': 'a-name-that-is-long-enough', ...bearer(consumer) }
  const [first] = offers
  if (first === undefined) throw new Error('nothing is sold')
  const target = `${first.example.path}?${new URLSearchParams(first.example.query)}`.replace(/\?$/, '')
  for (const _ of [1, 2]) await heard(ask('GET', target, { headers: named }))
  const moved = `${account.url}/elsewhere/${script.key}`
  const statuses = [301, 302, 308, 400, 401, 404, 500, 503]
  const shown = 'upstream_error' as const
  const inBodies = statuses.map((status) => ({ status, body: `at ${moved}?api_key=${script.key}`, shown }))
  const inFields = statuses.map((status) => ({ status, body: 'elsewhere', fields: ['location', moved, 'link', moved], shown }))
  for (const failure of [...inBodies, ...inFields, { ...script.unauthorized, status: 404 }]) {
    account.fail(failure)
    t.ok([404, 502].includes(await heard(selling.call(first))), `${failure.status}`)
    await heard(selling.call(first))
  }
  // Its counter is asked, with the key where that endpoint has it.
  said.push(JSON.stringify(await admin('POST', '/api/enable', { names: [script.name], accept_risk: true })))
  t.ok(
    account.asked.some(({ path }) => /usage/.test(path)),
    'the usage endpoint was asked',
  )
  for (const page of ['/', '/catalog', '/openapi.json', '/llms.txt', '/.well-known/x402', '/credits', '/healthz'])
    await heard(ask('GET', page, { headers: bearer(consumer) }))
  for (const page of ['/metrics', '/readyz', '/api/status', '/api/connections', '/api/audit', '/api/report', '/api/ledger/export'])
    said.push(await (await fetch(started.adminUrl + page)).text())
  for (const command of [['check'], ['marketplace', 'api', 'status'], ['audit', 'tail']]) {
    const { stdout, stderr } = await atlas([...command, '--config', selling.file], { env: { ...started.env, PROVIDER_KEY: script.key } })
    said.push(stdout, stderr)
  }
  t.equal(await started.stop(), 0)
  const holds = (text: string): boolean => spellings(script.key).some((one) => text.includes(one))
  t.ok(account.received.length > offers.length && account.received.every(holds), 'every request to the provider had it, so that the search finds it')
  for (const text of [...said, started.stdout(), started.stderr()]) t.notOk(holds(text), text.slice(0, 200))
  t.match(started.stderr(), 'held the credential', 'the log tells that it was shown, without showing it')
  for (const file of filesIn(selling.folder)) t.notOk(holds(readFileSync(file, 'latin1')), file)
}

t.test('DeFi Llama: in the path, and at the end of it for the counter', { timeout: 60_000 }, async (t) => {
  await search(t, providers.defillama as ProviderScript, {})
})

t.test('Glassnode: in the query', { timeout: 60_000 }, async (t) => {
  await search(t, providers.glassnode as ProviderScript, { credential: { in: 'query', name: 'api_key' } })
})

t.test('Glassnode: in its header, as the adapter has it', { timeout: 60_000 }, async (t) => {
  await search(t, providers.glassnode as ProviderScript, {})
})
