/** `workers: N`, /metrics and live calls: one port tells of all, and what a worker that dies had counted stays counted. */
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

t.test('the console shows the calls of all workers as they end, each once', { timeout: 60_000 }, async (t) => {
  const rig = await startWorkers(t, { redis, name: 'live' })
  const keys = await Promise.all([1, 2, 3, 4].map(() => rig.key({ credits: '$100' })))
  for (const { key } of keys)
    await until('every worker knows the key', async () => {
      const asked = await Promise.all([0, 1, 2, 3].map(() => rig.call('/credits', bearer(key))))
      return asked.every(({ status }) => status === 200)
    })
  t.equal((await fetch(`${rig.adminUrl}/console/calls`)).status, 200)
  const stream = await fetch(`${rig.adminUrl}/console/calls/stream`)
  t.equal(stream.status, 200)
  let told = ''
  const reading = (async () => {
    for await (const bytes of stream.body as ReadableStream<Uint8Array>) told += Buffer.from(bytes).toString()
  })().catch(() => undefined)
  const by = new Set<string>()
  for (let call = 0; call < 20; call += 1) by.add((await rig.call('/acme/search', bearer(keys[call % 4]?.key ?? ''))).by)
  t.equal(by.size, 2, 'both have sold')
  const shown = (): string[][] =>
    [...told.matchAll(/^data: (.*)$/gm)]
      .flatMap(([, data = '']) => (JSON.parse(data) as { calls: string[][] }).calls)
      .filter(([, , , end]) => end?.includes('charged'))
  await until('all are shown', () => shown().length >= 20)
  const figures = await readMetrics(await (await fetch(`${rig.adminUrl}/metrics`)).text())
  t.equal(sumOf(figures, 'atlas_calls_total', { outcome: 'charged' }), 20)
  t.equal(shown().length, 20)
  for (const { id } of keys) t.equal(shown().filter(([, , consumer]) => consumer === id || consumer === `key:${id}`).length, 5, 'of each consumer his own')
  await rig.stop()
  await reading
})
