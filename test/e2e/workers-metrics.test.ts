/** `workers: N` and /metrics: one port tells of all, and what a worker that dies had counted stays counted. */
import t from 'tap'
import { bearer, until } from '../rig/gateway.ts'
import { type MetricFamily, readMetrics, sumOf } from '../rig/metrics.ts'
import { startRedis } from '../rig/redis.ts'
import { startWorkers } from '../rig/workers.ts'

const redis = await startRedis(t)

t.test('the sums of all workers are shown, and never fall when one dies', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'metrics' })
  const scrape = async (): Promise<Map<string, MetricFamily>> => readMetrics(await (await fetch(`${rig.adminUrl}/metrics`)).text())
  const charged = async (): Promise<number> => sumOf(await scrape(), 'atlas_calls_total', { outcome: 'charged' })
  const { key } = await rig.key({ credits: '$100' })
  const sell = async (count: number): Promise<Set<string>> => {
    const by = new Set<string>()
    for (let call = 0; call < count; call += 1) {
      const answer = await rig.call('/acme/search', bearer(key))
      t.equal(answer.status, 200)
      by.add(answer.by)
    }
    return by
  }
  await until('every worker knows the key', async () => {
    const asked = await Promise.all([0, 1, 2, 3].map(() => rig.call('/credits', bearer(key))))
    return asked.every(({ status }) => status === 200)
  })
  t.equal((await sell(20)).size, 2, 'both have sold')
  const families = await scrape()
  // What is sent again under its name after a slow part is one charged call all the same.
  t.equal(sumOf(families, 'atlas_calls_total', { outcome: 'charged' }), 20)
  t.ok(sumOf(families, 'atlas_attempts_total', { meaning: 'ok' }) >= 20)
  t.strictSame(
    families
      .get('process_cpu_seconds_total')
      ?.samples.map(({ labels }) => labels.worker)
      .sort(),
    ['0', '1', '2'],
  )
  t.equal(sumOf(families, 'atlas_workers', { state: 'serving' }), 2)
  t.equal(sumOf(families, 'atlas_used_units', { use: 'sold' }), 20)
  const [first] = await rig.workers()
  process.kill(first?.pid as number, 'SIGKILL')
  await until('it is gone', async () => (await rig.workers())[0]?.pid !== first?.pid)
  t.equal(await charged(), 20, 'while it is away')
  await rig.whole()
  t.equal(await charged(), 20, 'with another in its place')
  await sell(6)
  t.equal(await charged(), 26)
})
