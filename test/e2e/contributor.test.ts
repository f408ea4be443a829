/** What a stranger brings is found by being there: from a new file to a sold call, in a folder of his own and in the house. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { atlas, startAtlas } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { bearer, sandbox, until, writeConfig } from '../rig/gateway.ts'
import { copyOfHouse } from '../rig/house.ts'

const CONNECTION = { name: 'acme', monthly_quota: 1000, reserved: 200, base_cost: '$0.01', resale_terms: 'confirmed' }

t.test('from adapter new to a sold call in the sandbox, in one go and under a minute', async (t) => {
  const began = performance.now()
  const folder = temporaryFolder(t)
  const made = await atlas(['adapter', 'new', 'acme', '--json'], { cwd: folder })
  t.equal(made.status, 0, made.stderr)
  t.same((made.json as { files: unknown }).files, ['my-adapters/acme.mjs'])
  const verdict = await atlas(['adapter', 'test', 'my-adapters/acme.mjs', '--json'], { cwd: folder })
  t.equal(verdict.status, 0, verdict.stdout)
  t.equal(verdict.json.good, true)
  const file = writeConfig(folder, sandbox({ adapter_dirs: ['./my-adapters'], api_connections: [CONNECTION] }))
  const started = await startAtlas(t, file)
  await until('the key is printed', () => /play key/.test(started.stdout()))
  const key = /play key .*: (atlas_\S+)/.exec(started.stdout())?.[1] ?? ''
  const { apis } = (await (await fetch(`${started.publicUrl}/catalog`)).json()) as {
    apis: { name: string; operations: { id: string; path: string; price: string }[] }[]
  }
  t.match(apis, [
    {
      name: 'acme',
      operations: [
        { id: 'item', path: '/acme/items/:id', price: '0.03' },
        { id: 'search', price: '0.03' },
      ],
    },
  ])
  const sold = await fetch(`${started.publicUrl}/acme/items/42`, { headers: bearer(key) })
  t.same([sold.status, sold.headers.get('x-atlas-price'), await sold.json()], [200, '$0.03', { id: '42', name: 'An item' }])
  t.equal((await fetch(`${started.publicUrl}/acme/other`, { headers: bearer(key) })).status, 404)
  const tookMs = Math.round(performance.now() - began)
  t.comment(`${tookMs} ms`)
  t.ok(tookMs < 60_000)
})

t.test('a file dropped into adapters/ of the house has route, catalogue entry, OpenAPI, tool of MCP and page of docs with no other edit', async (t) => {
  const house = copyOfHouse(t)
  const run = (command: string, ...args: string[]) => atlas(args, { cwd: house, command })
  const made = await run('gateway/atlas.mjs', 'adapter', 'new', 'acme')
  t.match(made.stdout, /^wrote adapters\/acme\.ts$/m, made.stderr)
  const tested = await run('gateway/atlas.mjs', 'adapter', 'test', 'adapters/acme.ts')
  t.equal(tested.status, 0, tested.stdout + tested.stderr)
  const plugin = await run('gateway/atlas.mjs', 'plugin', 'new', 'purpose')
  t.match(plugin.stdout, /wrote plugins\/purpose\.ts\nwrote test\/plugins\/purpose\.test\.ts/)
  t.equal((await run('gateway/atlas.mjs', 'plugin', 'test', 'plugins/purpose.ts')).status, 0)
  t.equal((await run('dist/config/generate.js')).status, 0)
  t.equal((await run('dist/gateway/kit/generate.js')).status, 0)
  t.match(readFileSync(join(house, 'docs/adapters/acme.md'), 'utf8'), /^# Acme$[\s\S]*`GET \/search`[\s\S]*5/m)
  t.match(readFileSync(join(house, 'docs/adapters/README.md'), 'utf8'), /\[Acme\]\(acme\.md\)/)
  const schema = readFileSync(join(house, 'config/gateway.schema.json'), 'utf8')
  t.ok(schema.includes('"acme"') && schema.includes('"purpose"'), 'editors complete both')
  const file = writeConfig(house, sandbox({ api_connections: [CONNECTION], plugins: ['purpose', 'auth', 'markup-billing', 'quota-reserve'] }))
  const started = await startAtlas(t, file, { command: join(house, 'gateway/atlas.mjs') })
  const { apis } = (await (await fetch(`${started.publicUrl}/catalog`)).json()) as { apis: { name: string }[] }
  t.match(apis, [{ name: 'acme' }])
  const { paths } = (await (await fetch(`${started.publicUrl}/openapi.json`)).json()) as { paths: object }
  t.ok(Object.keys(paths).includes('/acme/items/{id}'), `in OpenAPI: ${Object.keys(paths)}`)
  t.match(await (await fetch(`${started.publicUrl}/llms.txt`)).text(), /\/acme\/search/)
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
  t.match(await (await fetch(`${started.publicUrl}/mcp`, { method: 'POST', headers, body: JSON.stringify(list) })).text(), /Acme: item/, 'a tool of MCP')
  t.equal((await fetch(`${started.publicUrl}/acme/items/1`)).status, 400, 'the plugin is asked')
  t.equal((await fetch(`${started.publicUrl}/acme/items/1`, { headers: { 'X-Purpose': 'test' } })).status, 402)
  for (const page of ['connections', 'configuration'])
    t.match(await (await fetch(`${started.adminUrl}/console/${page}`)).text(), /acme/, `on the console's page ${page}`)

  const source = join(house, 'adapters/acme.ts')
  writeFileSync(source, readFileSync(source, 'utf8').replace('units: 1,', "units: () => { throw new Error('boom') },"))
  const broken = await run('gateway/atlas.mjs', 'check', '--config', file)
  t.equal(broken.status, 1)
  t.match(
    broken.stderr,
    /^adapters\/acme\.ts:1:1: operation item: units throws on \{"id":"42"\}: boom$/m,
    'the file that is edited is named, not what it is built to',
  )
  t.equal((await fetch(`${started.publicUrl}/acme/items/1`, { headers: { 'X-Purpose': 'test' } })).status, 402, 'what runs goes on')
})

t.test('a broken file in a listed folder stops the start with a sentence that names it, and nothing is half loaded', async (t) => {
  const folder = temporaryFolder(t)
  for (const dir of ['my-adapters', 'my-plugins']) mkdirSync(join(folder, dir))
  const good = await atlas(['adapter', 'new', 'acme'], { cwd: folder })
  t.equal(good.status, 0)
  writeFileSync(join(folder, 'my-adapters/broken.mjs'), "export default { name: 'broken', operations: [], failures: [] }")
  writeFileSync(join(folder, 'my-plugins/broken.mjs'), "import nothing from './nowhere.mjs'\nexport default nothing")
  const file = writeConfig(folder, sandbox({ adapter_dirs: ['./my-adapters'], plugin_dirs: ['./my-plugins'], api_connections: [CONNECTION] }))
  const ran = await atlas(['start', '--config', file], { cwd: folder, env: { PORT: '0', ADMIN_PORT: '0' } })
  t.equal(ran.status, 1)
  t.match(ran.stderr, /\.\/my-adapters\/broken\.mjs: title is missing; expected text/)
  t.match(ran.stderr, /\.\/my-plugins\/broken\.mjs: could not be loaded: .*nowhere/)
  t.notMatch(ran.stderr, /acme\.mjs|there is no adapter acme/, 'what is good is not complained about')
  t.notOk(existsSync(join(folder, 'data')), 'nothing was begun')
})

t.test('names that cannot be are refused, and nothing is overwritten', async (t) => {
  const folder = temporaryFolder(t)
  const run = (...args: string[]) => atlas(args, { cwd: folder })
  const cases: readonly [args: readonly string[], says: RegExp][] = [
    [['adapter', 'new', 'Acme Data'], /Acme Data is no name; expected lower-case letters/],
    [['adapter', 'new', '../acme'], /is no name/],
    [['adapter', 'new', 'catalog'], /\/catalog is a path of the gateway itself/],
    [['adapter', 'new', 'nansen'], /there is an adapter nansen already/],
    [['plugin', 'new', 'auth'], /there is a plugin auth already/],
    [['adapter', 'new', 'acme', '--openapi', 'nowhere.yaml'], /nowhere\.yaml cannot be read \(ENOENT\)/],
    [['adapter', 'test', 'nowhere.mjs'], /there is no file nowhere\.mjs/],
    [['adapter', 'test', 'package.json'], /there is no file package\.json/],
  ]
  for (const [args, says] of cases) {
    const { status, stderr } = await run(...args)
    t.equal(status, 1, args.join(' '))
    t.match(stderr, says)
    t.equal(stderr.trim().split('\n').length, 1)
  }
  t.same(readdirSync(folder), [], 'nothing was written')
  t.equal((await run('adapter', 'new', 'acme', '--dir', 'here')).status, 0)
  writeFileSync(join(folder, 'here/acme.mjs'), 'mine')
  const again = await run('adapter', 'new', 'acme', '--dir', 'here')
  t.same([again.status, readFileSync(join(folder, 'here/acme.mjs'), 'utf8')], [1, 'mine'])
  t.match(again.stderr, /here\/acme\.mjs is there already; nothing was written/)
  t.equal((await run('adapter')).status, 2)
  t.equal((await run('adapter', 'new')).status, 2)
})
