/** `init` writes a file that is good and serves; `doctor` says what is not well and what to do; `logs` tells what the gateway logs. */

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { atlas, COMMAND, startAtlas } from '../rig/atlas.ts'
import { BALANCE, sandbox, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'
import { freePort } from '../rig/port.ts'
import { customConnection, UPSTREAM } from '../rig/provider.ts'

t.test('init --yes writes a commented file from which a first call is sold, and never over one that is there', async (t) => {
  const cwd = temporaryFolder(t)
  const ran = await atlas(['init', '--yes'], { cwd })
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stdout, /^gateway\.config\.yml is written: Nansen, 7000 of 10000 units for sale, in sandbox mode\nnext: atlas start\n$/)
  const file = join(cwd, 'gateway.config.yml')
  const text = readFileSync(file, 'utf8')
  t.equal(statSync(file).mode & 0o777, 0o600, 'nobody else reads it')
  t.ok(text.split('\n').filter((line) => line.trim().startsWith('#')).length > 10, 'it says what its lines are for')
  t.match((await atlas(['check'], { cwd })).stdout, /^gateway\.config\.yml is good/m)
  const started = await startAtlas(t, file)
  const { key } = (await atlas(['key', 'create', '--credits', '$1', '--json', '--config', file], { env: started.env })).json as { key: string }
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
  const answer = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers, body: JSON.stringify(WALLET) })
  t.same([answer.status, answer.headers.get('x-atlas-price')], [200, '$0.15'])

  const again = await atlas(['init', '--yes'], { cwd })
  t.same([again.status, again.stderr], [1, 'gateway.config.yml is there already; say --force to replace it, or --config FILE for another one\n'])
  t.equal(readFileSync(file, 'utf8'), text)
  t.equal((await atlas(['init', '--yes', '--force', '--json'], { cwd })).json.quota, 10_000)
  const elsewhere = await atlas(['init', '--yes', '--config', 'nowhere/x.yml'], { cwd })
  t.same([elsewhere.status, elsewhere.stderr], [1, 'nowhere/x.yml cannot be written (ENOENT); choose another one with --config FILE\n'])
  const asking = await atlas(['init', '--config', 'other.yml'], { cwd })
  t.same([asking.status, asking.stderr], [2, 'the five questions need a terminal; say --yes to take their defaults\n'])
  t.notOk(existsSync(join(cwd, 'other.yml')))
})

t.test('the five questions are asked on a terminal, each again until its answer is good', async (t) => {
  const cwd = temporaryFolder(t)
  // util-linux's script gives the command a terminal.
  const child = spawn('script', ['-qec', `${process.execPath} ${COMMAND} init`, '/dev/null'], { cwd, env: { PATH: process.env.PATH, HOME: cwd, TERM: 'dumb' } })
  const answers = [
    ['1/5', 'kaitoo'],
    ['nearest: kaito', 'kaito'],
    ['2/5', '20000'],
    ['3/5', '30000'],
    ['expected 0 to 20000', '5000'],
    ['4/5', '250'],
    ['5/5', ''],
  ]
  let seen = ''
  child.stdout.on('data', (chunk) => {
    seen += chunk
    const [wanted, answer] = answers[0] ?? []
    if (wanted === undefined || !seen.includes(wanted) || !/\] $/.test(seen)) return
    answers.shift()
    seen = ''
    child.stdin.write(`${answer}\n`)
  })
  const status = await new Promise((resolve) => child.once('close', resolve))
  t.equal(status, 0, seen)
  t.match(readFileSync(join(cwd, 'gateway.config.yml'), 'utf8'), /name: kaito[\s\S]*monthly_quota: 20000[\s\S]*reserved: 5000[\s\S]*subscription_cost: "\$250"/)
  t.equal((await atlas(['check'], { cwd })).status, 0)
})

interface Checked {
  readonly check: string
  readonly result: string
  readonly detail: string
  readonly fix: string | null
}

t.test('doctor says of each thing whether it is well, and what to do where it is not', async (t) => {
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, sandbox())
  const of = async (config: string, env: Record<string, string> = {}): Promise<{ status: number | null; checks: readonly Checked[] }> => {
    const ran = await atlas(['doctor', '--json', '--config', config], { env })
    return { status: ran.status, checks: ran.json.checks as readonly Checked[] }
  }
  const good = await of(file)
  t.equal(good.status, 0)
  for (const check of ['node', 'memory', 'folder', 'port'])
    t.match(
      good.checks.find((one) => one.check === check),
      { result: /ok|warning/ },
      check,
    )
  for (const { result, fix } of good.checks) t.equal(fix === null, result === 'ok')
  t.notOk(existsSync(join(folder, 'data')), 'nothing is made')

  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const busy = await of(file, { PORT: String(port) })
  t.equal(busy.status, 1)
  t.match(
    busy.checks.find(({ check, result }) => check === 'port' && result === 'failed'),
    { detail: `127.0.0.1:${port} is in use by another program`, fix: /PORT=/ },
  )

  const nobody = await freePort()
  const away = writeConfig(temporaryFolder(t), sandbox({ store: { driver: 'redis', url: `redis://:secret@127.0.0.1:${nobody}` } }))
  const lost = await of(away)
  t.match(
    lost.checks.find(({ check }) => check === 'store'),
    { result: 'failed', detail: `127.0.0.1:${nobody} cannot be reached (ECONNREFUSED)`, fix: /start Redis/ },
  )
  t.notMatch(JSON.stringify(lost.checks), 'secret')

  const bad = await atlas(['doctor', '--config', writeConfig(temporaryFolder(t), sandbox({ mode: 'liv' }))])
  t.equal(bad.status, 1)
  t.match(bad.stdout, /^failed {3}configuration: .*mode is "liv".*\n {9}do: correct it/m)
  t.match(bad.stderr, /^1 check has failed\n$/)

  const started = await startAtlas(t, file)
  const running = await of(file, { ...started.env })
  t.match(
    running.checks.find(({ check }) => check === 'gateway'),
    { result: 'ok', detail: `this gateway runs at ${started.adminUrl}` },
  )
})

t.test('a folder that cannot be written is found before the start finds it', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'data'), 'a file where the folder should be')
  const ran = await atlas(['doctor', '--json', '--config', writeConfig(folder, sandbox())])
  t.equal(ran.status, 1)
  t.match(
    (ran.json.checks as readonly Checked[]).find(({ check }) => check === 'folder'),
    { result: 'failed', fix: /choose another store\.path/ },
  )
})

t.test('logs shows what was logged, and with --follow what is logged from then on, from a level on', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data', 'calls.jsonl'), '')
  // Each call of it fails, and that is logged.
  const gone = customConnection(`http://127.0.0.1:${await freePort()}`)
  const file = writeConfig(folder, sandbox({ upstream: UPSTREAM, api_connections: [gone] }))
  const nowhere = await atlas(['logs', '--config', file], { env: { ADMIN_PORT: '1' } })
  t.same([nowhere.status, nowhere.stdout], [1, ''])
  t.match(nowhere.stderr, /no gateway runs whose log could be asked for/)

  const started = await startAtlas(t, file, { env: { LOG_LEVEL: 'debug' } })
  const following = spawn(process.execPath, [COMMAND, 'logs', '--follow', '--json', '--lines', '0', '--config', file], {
    env: { PATH: process.env.PATH, ...started.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => following.kill('SIGKILL'))
  const answered = new Promise<void>((resolve) => following.stderr.once('data', () => resolve()))
  const line = new Promise<string>((resolve) => following.stdout.once('data', (chunk) => resolve(String(chunk))))
  await answered
  const { key } = (await atlas(['key', 'create', '--credits', '$1', '--json', '--config', file], { env: started.env })).json as { key: string }
  t.equal((await fetch(`${started.publicUrl}/acme/search`, { headers: { authorization: `Bearer ${key}` } })).status, 502)
  t.match(JSON.parse((await line).split('\n', 1)[0] as string), { level: 40, msg: String })
  following.kill('SIGINT')
  const all = await atlas(['logs', '--config', file], { env: started.env })
  t.match(all.stdout, /^\d\d:\d\d:\d\d\.\d{3} {2}warn +/m)
  t.equal((await atlas(['logs', '--level', 'error', '--config', file], { env: started.env })).stdout, '')
  t.equal(await started.stop(), 0, 'who follows holds up no stop')
})
