/** `workers: N`: several processes behind one port are one gateway; money, quota, keys and books are exact whoever answered and whoever dies. */
import Database from 'libsql'
import { dirname, join } from 'node:path'
import t from 'tap'
import { Agent } from 'undici'
import { bearer, until } from '../rig/gateway.ts'
import { openPostgres } from '../rig/postgres.ts'
import { reply } from '../rig/provider.ts'
import { startRedis } from '../rig/redis.ts'
import { type Answer, callBy, callOnce, startWorkers, type WorkersRig } from '../rig/workers.ts'

const redis = await startRedis(t)

type Row = Readonly<Record<string, string | number>>

interface Verified {
  readonly ok: boolean
}

const soldIn = async ({ admin }: WorkersRig): Promise<Row> => (await admin<{ total: Row }>('/api/report')).total
const statusOf = async ({ admin }: WorkersRig): Promise<Row> => (await admin<{ connections: readonly Row[] }>('/api/status')).connections[0] as Row

for (const [kind, ledger] of [
  ['embedded', () => ({})],
  ['postgres', async () => ({ ledger: { driver: 'postgres', url: (await openPostgres(t)).url } })],
] as const) {
  t.test(`both workers sell, and one ledger has it all: ${kind}`, { timeout: 60_000 }, async (t) => {
    const rig = await startWorkers(t, { redis, name: `spread-${kind}`, more: await ledger() })
    const { key } = await rig.key({ credits: '$100' })
    await until(
      'every worker knows the key',
      async () => (await Promise.all([rig.call('/credits', bearer(key)), rig.call('/credits', bearer(key))])).every(({ status }) => status === 200),
      1_000,
    )
    const answers: Answer[] = []
    for (let count = 0; count < 40; count += 1) answers.push(await rig.call('/acme/search', bearer(key)))
    t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
    const by = [...new Set(answers.map((one) => one.by))].map((worker) => answers.filter((one) => one.by === worker).length)
    t.equal(by.length, 2, 'each has answered some')
    t.ok(Math.min(...by) >= 10, `in turn, on new connections: ${by}`)
    t.match(await soldIn(rig), { calls_sold: 40, revenue: '6.00', owner_share: '5.40', platform_share: '0.60' })
    t.match(await rig.admin<Verified>('/api/ledger/verify'), { ok: true })
    t.match(await rig.admin<Verified>('/api/audit/verify'), { ok: true })
    t.match(await statusOf(rig), { sold_units: 40, health: 'ok', success_rate: 1 })
    const receipt = String(answers[0]?.headers['x-atlas-receipt'])
    for (let turn = 0; turn < 4; turn += 1) {
      t.match(JSON.parse((await rig.call('/credits', bearer(key))).body), { balance: '94.00', entries: { length: 41 } }, 'whichever worker is asked')
      t.equal((await rig.call(`/receipts/${receipt}`)).status, 200)
    }
  })
}

t.test('a worker that is killed under load: every call is answered and charged once, and another worker takes its place', { timeout: 120_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'killed' })
  rig.provider.always((response, seen) => setTimeout(() => reply(200, { ok: true })(response, seen), 5))
  const { key } = await rig.key({ credits: '$1000' })
  const agent = new Agent({ connections: 16 })
  t.teardown(() => agent.destroy())
  const CALLS = 1_200
  let next = 0
  let broken = 0
  const killed = rig.provider.asked(300).then(async () => {
    const [first] = await rig.workers()
    process.kill(first?.pid as number, 'SIGKILL')
    return first?.pid
  })
  const others: string[] = []
  const answered = async (name: string): Promise<void> => {
    for (let turn = 0; turn < 2_000; turn += 1) {
      const answer = await callBy(agent, rig.publicUrl, '/acme/search', { ...bearer(key), 'idempotency-key': name }).catch(() => undefined)
      if (answer?.status === 200) return
      // A connection that broke, or a call of the dead whose hold the others have not given up yet.
      if (answer === undefined) broken += 1
      else if (answer.status !== 503 && answer.status !== 401) others.push(`${answer.status} ${answer.code}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    others.push(`${name} had no answer`)
  }
  const loop = async (): Promise<void> => {
    while (next < CALLS) {
      next += 1
      await answered(`call ${next}`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, loop))
  const pid = await killed
  t.strictSame(others, [])
  t.ok(broken > 0, 'calls were under way when it died')
  await rig.whole()
  t.notOk((await rig.workers()).some((worker) => worker.pid === pid))
  t.match(JSON.parse((await rig.call('/credits', bearer(key))).body), { balance: '820.00' }, '1,200 calls at $0.15, each once')
  t.match(await soldIn(rig), { calls_sold: CALLS, revenue: '180.00' })
  await until('what the dead one held is given up', async () => (await statusOf(rig)).sold_units === CALLS, 15_000)
  t.match(await rig.admin<Verified>('/api/ledger/verify'), { ok: true })
  t.match(rig.stderr(), /a worker was ended by SIGKILL; it is started again/)
})

t.test('a key that is revoked is refused by every worker within a second', async (t) => {
  const rig = await startWorkers(t, { redis, name: 'revoked' })
  const { key, id } = await rig.key({ credits: '$10' })
  const agents = [new Agent({ connections: 1 }), new Agent({ connections: 1 })] as const
  t.teardown(() => Promise.all(agents.map((agent) => agent.destroy())))
  const ask = () => Promise.all(agents.map((agent) => callBy(agent, rig.publicUrl, '/acme/search', bearer(key))))
  await until('both serve it', async () => (await ask()).every(({ status }) => status === 200), 1_000)
  t.not(...((await ask()).map(({ by }) => by) as [string, string]), 'on connections to both')
  await rig.admin('/api/keys/revoke', { id })
  await until('both refuse it', async () => (await ask()).every(({ code }) => code === 'unauthenticated'), 1_000)
})

t.test('a ledger that cannot be written stops the workers from selling, until it can', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'ledger' })
  const { key } = await rig.key({ credits: '$10' })
  await until('it is served', async () => (await rig.call('/acme/search', bearer(key))).status === 200)
  const file = new Database(join(dirname(rig.file), 'data', 'books.db'))
  file.exec('PRAGMA busy_timeout=5000')
  file.exec('BEGIN IMMEDIATE')
  const both = () => Promise.all([1, 2].map(() => callOnce(rig.publicUrl, '/acme/search', bearer(key))))
  // Whatever is answered has to be written, too.
  const refused = async (): Promise<boolean> => (await both()).every(({ code }) => code === 'unavailable')
  await until('both refuse', refused, 10_000)
  t.match(await rig.admin('/readyz'), { status: 'not ready', lost: ['ledger'] })
  file.exec('ROLLBACK')
  file.close()
  const served = async (): Promise<boolean> => (await both()).every(({ status }) => status === 200)
  await until('both serve again', served, 10_000)
  const { calls_sold: sold, revenue } = await soldIn(rig)
  t.equal(Number(revenue), Number((Number(sold) * 0.15).toFixed(2)))
  t.match(await rig.admin<Verified>('/api/ledger/verify'), { ok: true })
})
