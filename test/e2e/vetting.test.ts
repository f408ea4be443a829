/** A connection is vetted before it goes on sale, with one real call, whether a gateway runs or not. */
import t, { type Test } from 'tap'
import { atlas, type Ran, startAtlas } from '../rig/atlas.ts'
import { BALANCE, sandbox, temporaryFolder, writeConfig } from '../rig/gateway.ts'
import { customConnection, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const LEFT = 'x-nansen-credits-remaining'
const PLUGINS = ['auth', 'rate-limit', 'markup-billing', 'quota-reserve']

/** Nansen at a double, in live mode. */
const nansenAt = (provider: Provider, more: object = {}): object => ({
  ...{ name: 'nansen', base_url: provider.url, api_key: 'secret-of-nansen', monthly_quota: 10_000, reserved: 3000, ...more },
})

const fileOf = (t: Test, ...connections: readonly object[]): string =>
  writeConfig(
    temporaryFolder(t),
    sandbox({ mode: 'live', listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:1' }, upstream: UPSTREAM, api_connections: connections, plugins: PLUGINS }),
  )

interface Row {
  readonly name: string
  readonly enabled: boolean
  readonly vetted: boolean
  readonly refused: string | null
  readonly own_units: number
  readonly external_units: number
  readonly warnings: readonly string[]
  readonly checks: readonly { readonly check: string; readonly result: string; readonly detail: string }[]
}
const rowsOf = (ran: Ran): readonly Row[] => (ran.json as { connections: readonly Row[] }).connections
const resultsOf = (row: Row | undefined): Record<string, string> => Object.fromEntries((row?.checks ?? []).map(({ check, result }) => [check, result]))
const UNTOLD = { quota: 'cannot be known here', "provider's counter": 'cannot be known here' }
const ALL_OK = { reserve: 'ok', markup: 'ok', terms: 'ok', credential: 'ok', latency: 'ok', quota: 'ok', "provider's counter": 'ok', price: 'ok', pool: 'ok' }

t.test('where no gateway runs the command asks the provider itself, once, with the credential, and counts it as own use', async (t) => {
  const provider = await startProvider(t)
  provider.always(reply(200, { data: [] }, [LEFT, '9400']))
  const file = fileOf(t, nansenAt(provider))
  const ran = await atlas(['marketplace', 'api', 'enable', 'nansen', '--json', '--config', file])
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stderr, /no gateway runs/)
  const [row] = rowsOf(ran)
  t.match(row, { enabled: true, vetted: true, refused: null, own_units: 1, external_units: 599 })
  t.same(resultsOf(row), ALL_OK)
  t.equal(provider.seen.length, 1)
  t.match(provider.seen[0], { method: 'POST', url: BALANCE.replace('/nansen', ''), headers: { apikey: 'secret-of-nansen' } })
  const status = await atlas(['marketplace', 'api', 'status', '--config', file])
  t.match(status.stdout, /nansen +operator +yes +10000 +3000 +0 +1 +0 +599 +7000 /)
  t.match(status.stdout, /warning: nansen asks more than Nansen itself asks by the call: .* \$0\.15 against \$0\.01/)
  t.match(status.stdout, /warning: the provider counts 599 units of nansen \(6 % of its quota\)/)
  t.equal((await atlas(['ledger', 'verify', '--config', file])).status, 0)
})

t.test('a running gateway vets; what fails is said, and a refused credential does not go on sale', async (t) => {
  const [provider, acme] = [await startProvider(t), await startProvider(t)]
  const file = fileOf(t, nansenAt(provider), customConnection(acme.url))
  const started = await startAtlas(t, file)
  const command = (...args: readonly string[]): Promise<Ran> => atlas(['marketplace', 'api', ...args, '--config', file], { env: started.env })
  const admin = async (method: string, path: string, body?: object): Promise<readonly Row[]> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const answer = (await (await fetch(started.adminUrl + path, { method, ...sent })).json()) as { connections: readonly Row[] }
    return answer.connections
  }
  const enable = (name: string): Promise<readonly Row[]> => admin('POST', '/api/enable', { names: [name] })
  provider.always(reply(401, { message: 'Invalid API key' }))
  const refused = await command('enable', 'nansen')
  t.equal(refused.status, 1)
  t.match(refused.stdout, /nansen is not put on sale\n/)
  t.match(refused.stdout, /credential: failed \(the provider refuses it: \S+ answered 401\)/)
  t.match(refused.stderr, /the provider refuses the credential of nansen; correct it, or say --accept-risk\n$/)
  t.notMatch(refused.stdout + refused.stderr + started.stderr(), /secret-of/)
  t.equal(provider.seen.length, 1, 'and its usage endpoint is not asked after that')
  t.match((await admin('GET', '/api/status'))[0], { name: 'nansen', enabled: false, vetted: false, own_units: 0 })
  const [risked] = rowsOf(await command('enable', 'nansen', '--accept-risk', '--json'))
  t.match(risked, { enabled: true, vetted: false, refused: null })

  provider.always((response, seen) => reply(200, seen.url === '/account' ? { credits_remaining: 10_000 } : { data: [] })(response, seen))
  const [asked] = await enable('nansen')
  t.match(asked, { vetted: true, own_units: 1, external_units: 0 })
  t.same(resultsOf(asked), ALL_OK, 'what no field tells its usage endpoint does')
  t.match(provider.seen.at(-1), { method: 'GET', url: '/account', headers: { apikey: 'secret-of-nansen' } })

  const [custom] = await enable('acme')
  t.match(custom, { vetted: true, own_units: 1 })
  t.match(resultsOf(custom), UNTOLD)
  t.match(acme.seen[0], { method: 'GET', url: '/v1/search', headers: { 'x-key': 'secret-of-acme' } })

  acme.always(reply(500, 'oops'))
  const down = await command('enable', 'acme')
  t.match(down.stdout, /acme is on sale, not vetted\n/)
  t.match(down.stdout, /latency: failed \(the provider failed after \d+ ms\)/)
  await acme.close()
  t.match(resultsOf((await enable('acme'))[0]), { credential: 'cannot be known here', latency: 'failed' })
})

t.test('of all at once each is vetted, whatever another one’s provider says', async (t) => {
  const [provider, acme] = [await startProvider(t), await startProvider(t)]
  provider.always(reply(401, 'no'))
  const file = fileOf(t, nansenAt(provider), customConnection(acme.url))
  const ran = await atlas(['marketplace', 'api', 'enable', '--json', '--config', file])
  t.equal(ran.status, 1)
  t.match(rowsOf(ran), [
    { name: 'nansen', enabled: false, refused: /refuses the credential/ },
    { name: 'acme', enabled: true, vetted: true, refused: null },
  ])
})

t.test('simulated connections are probed at the simulator', async (t) => {
  const file = writeConfig(temporaryFolder(t), sandbox({ admin: { listen: '127.0.0.1:1' } }))
  const [row] = rowsOf(await atlas(['marketplace', 'api', 'enable', '--json', '--config', file]))
  t.match(row, { name: 'nansen', vetted: true, own_units: 1, external_units: 0 })
  t.same(resultsOf(row), ALL_OK)
})

t.test('estimate with --api sets the price beside the provider’s own', async (t) => {
  const plan = ['--quota', '10000', '--used', '3000', '--sold', '5000', '--base', '$0.05', '--markup', '3x', '--subscription', '$500']
  const said = await atlas(['estimate', ...plan, '--api', 'nansen', '--operation', 'tgm-flows'])
  t.match(said.stdout, /\nwarning: this asks more than Nansen itself asks by the call: tgm-flows \$0\.15 against \$0\.01\n$/)
  t.match((await atlas(['estimate', ...plan, '--api', 'nansen', '--json'])).json, { net_profit: '175.00', warnings: [/ \$0\.15 against \$0\.01/] })
  const wrong = await atlas(['estimate', ...plan, '--api', 'nothing'])
  t.same([wrong.status, wrong.stderr], [2, 'there is no adapter nothing; expected one of: arkham, custom, defillama, glassnode, kaito, messari, nansen\n'])
})
