/** Workers from their start to their end: what cannot start says why once, what dies is known, what is told to stop answers first. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { Agent } from 'undici'
import { atlas } from '../rig/atlas.ts'
import { bearer, temporaryFolder, until, writeConfig } from '../rig/gateway.ts'
import { hang, OK, reply, startProvider } from '../rig/provider.ts'
import { startRedis } from '../rig/redis.ts'
import { vaultIn } from '../rig/vault.ts'
import { callBy, startWorkers, workersConfig, type WorkersRig } from '../rig/workers.ts'

const redis = await startRedis(t)

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const pidsOf = async (rig: WorkersRig): Promise<number[]> => (await rig.workers()).map(({ pid }) => pid as number)

const accepts = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** A key, and connections of which each worker has two. */
async function consumers(rig: WorkersRig): Promise<{ readonly agents: readonly Agent[]; readonly key: string }> {
  const { key } = await rig.key({ credits: '$100' })
  const agents = Array.from({ length: 4 }, () => new Agent({ connections: 1 }))
  const ask = (): Promise<readonly { status: number; by: string }[]> =>
    Promise.all(agents.map((agent) => callBy(agent, rig.publicUrl, '/credits', bearer(key))))
  await until('all know the key', async () => (await ask()).every(({ status }) => status === 200), 5_000)
  return { agents, key }
}

t.test('a port that cannot be had ends the start with one sentence, and leaves no process behind', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const provider = await startProvider(t)
  const file = writeConfig(temporaryFolder(t), workersConfig(provider.url, { redis, name: 'taken' }))
  // It ends when the last process has let go of its output.
  const { status, stderr } = await atlas(['start', '--config', file], { env: { PORT: String(port), ADMIN_PORT: '0' } })
  t.equal(status, 1)
  t.equal(stderr.split('\n').filter((line) => line.includes('is in use by another program')).length, 1, stderr)
})

t.test('SIGTERM: calls under way are answered by every worker, no new ones are taken, and the exit status is 0', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'term' })
  const { agents, key } = await consumers(rig)
  const answers: (() => void)[] = []
  rig.provider.always((response, seen) => void answers.push(() => reply(200, { ok: true })(response, seen)))
  const calls = agents.map((agent) => callBy(agent, rig.publicUrl, '/acme/search', bearer(key)))
  await rig.provider.asked(4)
  const pids = await pidsOf(rig)
  const ended = rig.stop('SIGTERM')
  await until('the port is closed', async () => !(await accepts(rig.publicUrl)), 10_000)
  for (const answer of answers) answer()
  const answered = await Promise.all(calls)
  t.strictSame(
    answered.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  t.equal(new Set(answered.map(({ by }) => by)).size, 2, 'of both workers')
  t.equal(await ended, 0)
  t.notOk(pids.some(isAlive))
  await Promise.all(agents.map((agent) => agent.destroy()))
})

t.test('a worker that does not end well makes the exit status 1', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'unclean' })
  const { agents, key } = await consumers(rig)
  rig.provider.always(hang)
  const calls = Promise.allSettled(agents.map((agent) => callBy(agent, rig.publicUrl, '/acme/search', bearer(key))))
  await rig.provider.asked(4)
  const [first] = await pidsOf(rig)
  const ended = rig.stop('SIGTERM')
  await until('the port is closed', async () => !(await accepts(rig.publicUrl)), 10_000)
  process.kill(first as number, 'SIGKILL')
  await Promise.all(agents.map((agent) => agent.destroy()))
  await calls
  t.equal(await ended, 1)
  t.match(rig.stderr(), /the stop was not clean: .*worker 1 was ended by SIGKILL/)
})

t.test('one that dies is missed, started again after a growing pause, and the others serve meanwhile', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'again' })
  for (const pauseMs of [100, 200, 400]) {
    const [first] = await pidsOf(rig)
    process.kill(first as number, 'SIGKILL')
    await until('it is missed', async () => ((await rig.admin('/readyz')) as { status: string }).status === 'degraded')
    t.match(await rig.admin('/readyz'), { status: 'degraded', lost: [], workers: { wanted: 2, serving: 1 } })
    t.equal((await rig.call('/healthz')).status, 200)
    await rig.whole()
    t.match(await rig.admin('/readyz'), { status: 'ready', workers: { wanted: 2, serving: 2 } })
    t.match(rig.stderr(), new RegExp(`"worker":1,"again_in_ms":${pauseMs},`))
  }
  // Told by somebody else to end, it ends well, and is started again all the same.
  process.kill((await pidsOf(rig))[1] as number, 'SIGTERM')
  await until('it is started again', () => /"worker":2,"again_in_ms":100,"msg":"a worker ended with status 0/.test(rig.stderr()))
  await rig.whole()
  t.equal(await rig.stop(), 0)
})

t.test('without the process that started them the workers answer the calls that they have, and end', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'orphans' })
  const { agents, key } = await consumers(rig)
  const answers: (() => void)[] = []
  rig.provider.always((response, seen) => void answers.push(() => reply(200, { ok: true })(response, seen)))
  const calls = agents.map((agent) => callBy(agent, rig.publicUrl, '/acme/search', bearer(key)))
  await rig.provider.asked(4)
  const pids = await pidsOf(rig)
  const ended = rig.stop('SIGKILL')
  await until('both know it', () => rig.stderr().split('the process that started this worker is gone').length === 3)
  t.notOk(await accepts(rig.publicUrl), 'nobody takes new ones')
  for (const answer of answers) answer()
  t.strictSame(
    (await Promise.all(calls)).map(({ status }) => status),
    [200, 200, 200, 200],
  )
  await ended
  await until('they are gone', () => !pids.some(isAlive), 10_000)
  await Promise.all(agents.map((agent) => agent.destroy()))
})

t.test('connections beyond the limit are closed, whichever worker they come to', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'full', more: { limits: { connections: 4 } } })
  const sockets: Socket[] = []
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  const open = new Set<Socket>()
  for (let count = 0; count < 10; count += 1) {
    const socket = connect(Number(new URL(rig.publicUrl).port), '127.0.0.1')
    socket.on('error', () => undefined)
    sockets.push(socket)
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    await once(socket, 'connect')
  }
  await until('all but four are closed', () => open.size === 4)
  for (const socket of open) socket.destroy()
  await until('there is room again', async () => (await rig.call('/healthz').catch(() => undefined))?.status === 200)
})

t.test('what is known against a connection is shown whichever worker knows it, told once, and forgotten by all', { timeout: 60_000 }, async (t) => {
  const told = await startProvider(t)
  const notify = { notify: { webhook: `${told.url}/hook` } }
  const rig = await startWorkers(t, { redis, name: 'paused', connection: notify })
  const { agents, key } = await consumers(rig)
  const status = async () => (await rig.admin<{ connections: readonly { health: string; paused_because: string | null }[] }>('/api/status')).connections[0]
  rig.provider.always(reply(401, { error: 'who are you' }))
  const ask = async (): Promise<readonly number[]> => {
    const statuses: number[] = []
    for (const agent of agents) statuses.push((await callBy(agent, rig.publicUrl, '/acme/search', bearer(key))).status)
    return statuses
  }
  for (let turn = 0; turn < 5; turn += 1) t.strictSame(await ask(), [502, 502, 502, 502])
  t.equal(rig.provider.seen.length, 6, 'each worker has found it out')
  t.match(await status(), { health: 'paused' })
  const kinds = (): string[] => told.seen.map(({ body }) => (JSON.parse(body) as { kind: string }).kind)
  await until('the owner hears of it', () => kinds().includes('connection-paused') || kinds().includes('credential-refused'))
  rig.provider.always(OK)
  await rig.admin('/api/enable', { names: ['acme'] })
  t.strictSame(await ask(), [200, 200, 200, 200], 'both serve again')
  t.match(await status(), { health: 'ok', paused_because: null })
  t.equal(new Set(kinds()).size, kinds().length, `each once: ${kinds()}`)
  await Promise.all(agents.map((agent) => agent.destroy()))
})

t.test('a credential that is replaced is used by every worker', { timeout: 60_000 }, async (t) => {
  const before = async (folder: string): Promise<void> => {
    mkdirSync(join(folder, 'data'), { mode: 0o700 })
    await vaultIn(join(folder, 'data')).add('acme', Buffer.from('the-old-credential'))
  }
  const rig = await startWorkers(t, { redis, name: 'rotated', before, connection: { api_key: 'vault:acme' } })
  const { agents, key } = await consumers(rig)
  const used = async (): Promise<readonly unknown[]> => {
    const from = rig.provider.seen.length
    for (const agent of agents) t.equal((await callBy(agent, rig.publicUrl, '/acme/search', bearer(key))).status, 200)
    return rig.provider.seen.slice(from).map(({ headers }) => headers['x-key'])
  }
  t.strictSame(new Set(await used()), new Set(['the-old-credential']))
  t.match(await rig.admin('/api/connections/rotate', { name: 'acme', secret: 'the-new-credential' }), { name: 'acme', version: 2 })
  await until('all use the new one', async () => (await used()).every((credential) => credential === 'the-new-credential'))
  await Promise.all(agents.map((agent) => agent.destroy()))
})
