/** The `atlas` command beside a gateway: keys, switches, status and report, through the running one or through its store. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { atlas, type Ran, type Started, startAtlas } from '../rig/atlas.ts'
import { BALANCE, bearer, sandbox, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'
import { customConnection, startProvider, UPSTREAM } from '../rig/provider.ts'

/** No gateway is found there. */
const NOWHERE = { PORT: '0', ADMIN_PORT: '1' }
const run = (...args: readonly string[]): Promise<Ran> => atlas(args, { env: NOWHERE })

/** Over the admin port, as the command does it. */
async function keyOf({ adminUrl }: Started, wish: object): Promise<string> {
  const answer = await fetch(`${adminUrl}/api/keys`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(wish) })
  return ((await answer.json()) as { key: string }).key
}

const CALL = { method: 'POST', body: JSON.stringify(WALLET) }
const JSON_TYPE = { 'content-type': 'application/json' }

t.test('commands speak to the gateway that runs, else to its store, and say which; the figures are the same', async (t) => {
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, sandbox())
  const nothing = await run('key', 'list', '--json', '--config', file)
  t.same(nothing.json, { keys: [] })
  t.match(nothing.stderr, /^no gateway runs at http:\/\/127\.0\.0\.1:1, and there is no store at .*data yet\n$/)
  t.notOk(existsSync(join(folder, 'data')), 'looking makes no store')

  const started = await startAtlas(t, file)
  const command = async (...args: readonly string[]): Promise<Ran> => {
    const ran = await atlas([...args, '--config', file], { env: started.env })
    t.equal(ran.status, 0, `${args.join(' ')}: ${ran.stderr}`)
    t.equal(ran.stderr, `the gateway at ${started.adminUrl} answered\n`)
    return ran
  }
  const call = async (key: string): Promise<Response> => fetch(started.publicUrl + BALANCE, { ...CALL, headers: { ...JSON_TYPE, ...bearer(key) } })
  const [made, owned] = await Promise.all([
    command('key', 'create', '--credits', '$5', '--cap', '$1/day', '--cap', '$20/month', '--expires', '30d', '--json'),
    command('key', 'create', '--owner', 'operator'),
  ])
  t.same(Object.keys(made.json), ['id', 'key', 'credits'])
  t.match(made.json, { id: /^k_[0-9a-f]{18}$/, key: /^atlas_[\w-]{43}$/, credits: '5.00' })
  const { id, key } = made.json as { id: string; key: string }
  const owner = owned.stdout.split('\n', 1)[0] as string
  t.equal((await call(key)).status, 200)
  t.equal((await call(owner)).status, 200)

  const row = {
    name: 'nansen',
    adapter: 'nansen',
    owner: 'operator',
    quota: 10_000,
    reserved: 3000,
    sold_units: 1,
    own_units: 1,
    wasted_units: 0,
    external_units: 0,
  }
  const rest = { units_left: 6999, revenue: '0.15', resets_at: /^\d{4}-\d{2}-\d{2}T/, enabled: true, vetted: false, health: 'ok', paused_because: null }
  const sums = {
    calls_sold: 1,
    units_sold: 1,
    own_units: 1,
    revenue: '0.15',
    owner_share: '0.135',
    platform_share: '0.015',
    subscription_cost: '500.00',
    net_profit: '-499.865',
  }
  const report = { month: new Date().toISOString().slice(0, 7), connections: [{ name: 'nansen', owner: 'operator', ...sums }], total: sums }
  const [status, table, csv, reported, listed] = await Promise.all([
    command('marketplace', 'api', 'status', '--json'),
    command('report'),
    command('report', '--format', 'csv'),
    command('report', '--json', '--owner', 'operator'),
    command('key', 'list'),
  ])
  t.match(status.json, { connections: [{ ...row, ...rest }] })
  t.match(reported.json, report)
  t.match(table.stdout, /nansen +operator +1 +1 +1 +\$0\.15 +\$0\.135 +\$0\.015 +\$500\.00 +-\$499\.865/)
  const members = Object.keys((reported.json as typeof report).connections[0] ?? {})
  t.match(csv.stdout, `month,${members.join(',')}\n${report.month},nansen,operator,1,1,1,0.15,0.135,0.015,500.00,-499.865`)
  const [heads = ''] = table.stdout.split('\n')
  t.equal(heads.trim().split(/ {2,}/).length, members.length, 'a column in one of them is in all')
  t.notMatch(table.stdout, '\u001b', 'colour only on a terminal')
  t.match(listed.stdout, new RegExp(`^${id} +consumer +valid +\\$4\\.85 +\\$1\\.00 +\\$20\\.00 `, 'm'))
  t.notMatch(listed.stdout, key)

  await command('key', 'revoke', id)
  t.equal((await call(key)).status, 401, 'at once')
  const failed = await atlas(['key', 'revoke', 'k_nothing', '--config', file], { env: started.env })
  t.same([failed.status, failed.stderr], [1, 'there is no key k_nothing; atlas key list shows those there are\n'])

  t.equal(await started.stop(), 0)
  const after = await atlas(['report', '--json', '--config', file], { env: started.env })
  t.equal(after.stderr, `no gateway runs at ${started.adminUrl}; the store at ${join(folder, 'data')} answered\n`)
  t.match(after.json, report)
})

t.test('a connection is taken off sale and put on sale again without a restart; the owner goes on', async (t) => {
  const file = writeConfig(temporaryFolder(t), sandbox())
  const started = await startAtlas(t, file)
  const command = (...args: readonly string[]): Promise<Ran> => atlas([...args, '--config', file], { env: started.env })
  const [key, owner] = await Promise.all([keyOf(started, { credits: '$5' }), keyOf(started, { owner: 'operator' })])
  const call = (shown: Record<string, string>): Promise<Response> => fetch(started.publicUrl + BALANCE, { ...CALL, headers: { ...JSON_TYPE, ...shown } })
  t.match((await command('marketplace', 'api', 'disable', 'nansen')).stdout, /^nansen is off sale\n$/)
  for (const shown of [bearer(key), {}]) {
    const refused = await call(shown)
    t.equal(refused.status, 503)
    t.match(await refused.json(), { code: 'sold_out' })
    t.equal(refused.headers.get('retry-after'), null, 'nobody knows when it comes back')
  }
  t.equal((await call(bearer(owner))).status, 200)
  const enabled = await command('marketplace', 'api', 'enable', 'nansen', '--json')
  t.match(enabled.json, { connections: [{ name: 'nansen', enabled: true, vetted: true, checks: [{ check: String, result: 'ok', detail: String }] }] })
  t.equal((await call(bearer(key))).status, 200)
  const unknown = await command('marketplace', 'api', 'disable', 'nothing')
  t.same([unknown.status, unknown.stderr], [1, 'there is no connection nothing; expected one of: nansen\n'])
  const elsewhere = await run('marketplace', 'api', 'disable', '--config', file)
  t.equal(elsewhere.status, 1)
  t.match(elsewhere.stderr, /^the data folder .* is in use by another process/, 'a gateway that is not found is not worked around')
})

t.test('live mode sells nothing until the owner says so, and not at his risk without his word', async (t) => {
  const provider = await startProvider(t)
  const risky = customConnection(provider.url, { reserved: 0 })
  const dear = customConnection(provider.url, { name: 'dear', markup: '11x' })
  const fine = customConnection(provider.url, { name: 'fine' })
  const file = writeConfig(
    temporaryFolder(t),
    sandbox({ mode: 'live', upstream: UPSTREAM, api_connections: [risky, dear, fine], plugins: ['auth', 'rate-limit', 'markup-billing', 'quota-reserve'] }),
  )
  const started = await startAtlas(t, file)
  t.notMatch(started.stdout(), /play key/)
  const command = (...args: readonly string[]): Promise<Ran> => atlas([...args, '--config', file], { env: started.env })
  const [key, owner] = await Promise.all([keyOf(started, { credits: '$5' }), keyOf(started, { owner: 'operator' })])
  const call = async (api: string, shown = key): Promise<string> => {
    const answer = await fetch(`${started.publicUrl}/${api}/search`, { headers: bearer(shown) })
    return `${answer.status}${answer.headers.has('retry-after') ? ' with Retry-After' : ''}`
  }
  t.same([await call('acme'), await call('fine'), await call('acme', owner)], ['503', '503', '200'])
  for (const [args, said] of [
    [[], /^acme keeps no reserve for its owner; dear has a markup above 10x; correct this, or say --accept-risk\n$/],
    [['acme'], /^acme keeps no reserve/],
    [['dear'], /^dear has a markup above 10x/],
  ] as const) {
    const { status, stderr } = await command('marketplace', 'api', 'enable', ...args)
    t.equal(status, 1)
    t.match(stderr, said)
  }
  t.same([await call('acme'), await call('fine')], ['503', '503'], 'all or none')
  t.equal((await command('marketplace', 'api', 'enable', 'fine')).status, 0)
  t.match((await command('marketplace', 'api', 'enable', 'acme', '--accept-risk', '--json')).json, {
    connections: [{ name: 'acme', enabled: true, vetted: false }],
  })
  t.same([await call('acme'), await call('fine'), await call('dear')], ['200', '200', '503'])
})
