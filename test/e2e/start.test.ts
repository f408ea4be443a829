/** `atlas start` as a process: ready at once, clear when it cannot, clean when it ends. */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { atlas, ROOT, type Ran, type Started, startAtlas } from '../rig/atlas.ts'
import { BALANCE, bearer, sandbox, temporaryFolder, until, WALLET, writeConfig } from '../rig/gateway.ts'
import { customConnection, type Reply, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const FREE = { PORT: '0', ADMIN_PORT: '0' }
const FOUR = `api_connections:
  - name: nansen
    api_key: \${NANSEN_API_KEY}
    monthly_quota: 10000
    reserved: 3000
`

const post = (url: string, headers: Record<string, string> = {}, body: unknown = WALLET): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })

/** The key and the two commands that a start prints, as a shell would read them. */
function pasted(started: Started): { key: string; commands: { url: string; headers: Record<string, string>; body: unknown }[] } {
  const said = started.stdout()
  const commands = said.match(/^ {2}curl .*$/gm) ?? []
  return {
    key: /play key \(\$10\.00 of play money\): (atlas_\S+)/.exec(said)?.[1] ?? '',
    commands: commands.map((line) => ({
      url: /'(http[^']+)'/.exec(line)?.[1] ?? '',
      headers: Object.fromEntries([...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name?.toLowerCase(), value])),
      body: JSON.parse(/-d '([^']+)'/.exec(line)?.[1] ?? '{}'),
    })),
  }
}

t.test('the four lines that sellers know are enough: they load, start and sell at $0.15', async (t) => {
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, FOUR)
  const env = { NANSEN_API_KEY: 'a-key-of-the-owner' }
  const started = await startAtlas(t, file, { env })
  t.comment(`ready ${started.readyMs} ms after the process began`)
  t.ok(started.readyMs < 3000)
  await until('the key is printed', () => pasted(started).commands.length === 2)
  const { key, commands } = pasted(started)
  const [paid, unpaid] = await Promise.all(commands.map(({ url, headers, body }) => post(url, headers, body)))
  t.equal(paid?.status, 200)
  t.equal(paid?.headers.get('x-atlas-price'), '$0.15')
  t.equal(unpaid?.status, 402)
  t.match(await unpaid?.json(), { code: 'payment_required', accepts: [{ maxAmountRequired: '150000' }] })
  t.notMatch(started.stdout() + started.stderr(), /a-key-of-the-owner/)

  t.equal(await started.stop(), 0)
  const again = await startAtlas(t, file, { env })
  await until('the next key is printed', () => pasted(again).key !== '')
  t.equal((await post(again.publicUrl + BALANCE, bearer(key))).status, 401, 'the play key of the last start is revoked')
  t.equal((await post(again.publicUrl + BALANCE, bearer(pasted(again).key))).status, 200)
  t.equal(await again.stop('SIGINT'), 0)
})

t.test('the repository’s own file is good and starts with nothing in the environment', async (t) => {
  const folder = temporaryFolder(t)
  cpSync(join(ROOT, 'gateway.config.yml'), join(folder, 'gateway.config.yml'))
  t.equal((await atlas(['check'], { cwd: folder })).status, 0)
  const written = (await readdir(join(ROOT, 'adapters'))).filter((file) => file.endsWith('.ts') && file !== 'custom.ts').map((file) => file.slice(0, -3))
  const started = await startAtlas(t, join(folder, 'gateway.config.yml'))
  const { apis } = (await (await fetch(`${started.publicUrl}/catalog`)).json()) as { apis: { name: string; units_left: number }[] }
  t.match(apis, [
    { name: 'nansen', units_left: 7000 },
    { name: 'kaito', units_left: 8000 },
    { name: 'arkham', units_left: 8000 },
    { name: 'messari', units_left: 8000 },
    { name: 'glassnode', units_left: 8000 },
    { name: 'defillama', units_left: 80_000 },
  ])
  t.same(apis.map(({ name }) => name).sort(), written.sort(), 'every adapter there is')
  const key = join(folder, 'data', 'master.key')
  await until('the master key of the vault is made', () => existsSync(key))
  t.equal(statSync(key).mode & 0o777, 0o600, 'for nobody else')
  t.equal(await started.stop(), 0)
})

/** One line on stderr that says what to do, exit status 1, and nothing left behind. */
async function refuses(t: Tap, folder: string, ran: Promise<Ran>, said: RegExp): Promise<void> {
  // Beside the database stand files of its own, which whoever opened it last takes away.
  const files = (): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => !/-(shm|wal)$/.test(name))
      .sort()
  const before = files()
  const { status, stdout, stderr } = await ran
  t.equal(status, 1)
  t.equal(stdout, '')
  t.match(stderr, said)
  const lines = stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('warning: '))
  t.equal(lines.length, 1, stderr)
  t.same(files(), before, 'nothing is left behind')
}
type Tap = Pick<typeof t, 'equal' | 'match' | 'same'>

t.test('a port that is taken is named, with the setting that chooses another', async (t) => {
  const other = createServer()
  const port = await new Promise<number>((resolve) => other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)))
  t.teardown(() => other.close())
  for (const [name, setting] of [
    ['PORT', 'listen'],
    ['ADMIN_PORT', 'admin.listen'],
  ] as const) {
    const folder = temporaryFolder(t)
    const file = writeConfig(folder, sandbox())
    const said = new RegExp(`^127\\.0\\.0\\.1:${port} is in use by another program; .*${name} or ${setting}`, 'm')
    await refuses(t, folder, atlas(['start', '--config', file], { env: { ...FREE, [name]: String(port) } }), said)
    t.notOk(existsSync(join(folder, 'data')))
  }
})

t.test('a level of the log that there is none is named', async (t) => {
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, sandbox())
  await refuses(
    t,
    folder,
    atlas(['start', '--config', file], { env: { ...FREE, LOG_LEVEL: 'loud' } }),
    /^LOG_LEVEL=loud is no level; expected trace, .*silent$/m,
  )
})

t.test('a folder that cannot be used is named', async (t) => {
  for (const [section, said] of [
    ['store', /^the data folder .*plain-file.data cannot be made/m],
    ['ledger', /^the ledger .*plain-file.data.books\.db cannot be used/m],
  ] as const) {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'plain-file'), '')
    const file = writeConfig(folder, sandbox({ [section]: { path: './plain-file/data' } }))
    await refuses(t, folder, atlas(['start', '--config', file], { env: FREE }), said)
  }
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data', 'books.db'), 'no database at all, but long enough to be taken for one'.repeat(40))
  await refuses(t, folder, atlas(['start', '--config', writeConfig(folder, sandbox())], { env: FREE }), /^the ledger .*books\.db cannot be used/m)
})

t.test('a store or ledger of the other mode is refused, and so is one that another process uses', async (t) => {
  const provider = await startProvider(t)
  const live = sandbox({
    mode: 'live',
    upstream: UPSTREAM,
    api_connections: [customConnection(provider.url)],
    plugins: ['auth', 'markup-billing', 'quota-reserve'],
  })
  const folder = temporaryFolder(t)
  const started = await startAtlas(t, writeConfig(folder, sandbox()))
  const { status, stderr } = await atlas(['start', '--config', join(folder, 'gateway.config.yml')], { env: FREE })
  t.equal(status, 1)
  t.match(stderr, /^the data folder .* is in use by another process; stop it, or choose another store\.path$/m)
  t.equal((await fetch(`${started.publicUrl}/healthz`)).status, 200, 'which goes on')
  t.equal(await started.stop(), 0)
  await refuses(t, folder, atlas(['start', '--config', writeConfig(folder, live)], { env: FREE }), /was made in sandbox mode, the configuration says live/)
  const apart = { ...live, ledger: { path: './books' } }
  await refuses(t, folder, atlas(['start', '--config', writeConfig(folder, apart)], { env: FREE }), /was made in sandbox mode, the configuration says live/)
})

t.test('SIGTERM lets the calls under way finish, takes no new ones, and ends with 0', async (t) => {
  const provider = await startProvider(t)
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, sandbox({ upstream: UPSTREAM, api_connections: [customConnection(provider.url)] }))
  const started = await startAtlas(t, file)
  const { key } = (await atlas(['key', 'create', '--credits', '$1', '--json', '--config', file], { env: started.env })).json as { key: string }
  const finish: (() => void)[] = []
  const held: Reply = (response, seen) => void finish.push(() => reply(200, { late: true })(response, seen))
  provider.next(held, held)
  const calls = [1, 2].map((n) => fetch(`${started.publicUrl}/acme/search?q=${n}`, { headers: { ...bearer(key), 'idempotency-key': `call-${n}` } }))
  await provider.asked(2)
  const ended = started.stop()
  await until('no new connection is taken', () =>
    fetch(`${started.publicUrl}/healthz`, { headers: { connection: 'close' } }).then(
      () => false,
      () => true,
    ),
  )
  for (const one of finish) one()
  for (const answer of await Promise.all(calls)) {
    t.equal(answer.status, 200)
    t.same(await answer.json(), { late: true })
  }
  t.equal(await ended, 0)
  const { total } = (await atlas(['report', '--json', '--config', file], { env: started.env })).json
  t.match(total, { calls_sold: 2, revenue: '0.04' })
})

t.test('the thread of the books stands behind the calls where cores are short', { skip: process.platform !== 'linux' }, async (t) => {
  const started = await startAtlas(t, writeConfig(temporaryFolder(t), FOUR), { env: { NANSEN_API_KEY: 'a-key-of-the-owner' } })
  /** By thread; field 19 of proc(5), the 17th behind the name. */
  const nices = (): string[] =>
    readdirSync(`/proc/${started.pid}/task`).map((thread) => {
      const stat = readFileSync(`/proc/${started.pid}/task/${thread}/stat`, 'latin1')
      return `${Number(thread) === started.pid ? 'main ' : ''}${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]}`
    })
  await until('the books have stepped back', () => nices().includes('10'))
  t.ok(nices().includes('main 0'))
})
