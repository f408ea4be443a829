/** An act of the operator's and its audit line stand in the chain together, once, whichever store. */
import t from 'tap'
import { usd } from '#contract'
import { noted } from '../rig/audit.ts'
import { until } from '../rig/gateway.ts'
import { openRedisStore, type RedisStoreRig } from '../rig/redis-store.ts'
import { startRedis } from '../rig/redis.ts'
import { openStore } from '../rig/store.ts'

const lineOf = (text: string): { t: string; subject?: string; id?: string; key?: { id: string } } => JSON.parse(text)

/** Keys that were made, and of which there is an audit line. */
function acts(lines: readonly string[]): { made: string[]; told: string[] } {
  const all = lines.map(lineOf)
  return {
    made: all.flatMap(({ t, key }) => (t === 'key' ? [key?.id ?? ''] : [])).sort(),
    told: all.flatMap(({ t, subject }) => (t === 'audit' ? [subject ?? ''] : [])).sort(),
  }
}

t.test('embedded: in one group, also where more is written than a group takes', async (t) => {
  const groups: string[][] = []
  const rig = openStore(t, { onGroup: ({ bytes }) => void groups.push(bytes.toString().split('\n').slice(0, -1)) })
  const keys = Array.from({ length: 3000 }, (_, index) => `k${index}`)
  await Promise.all(
    keys.map((id, index) =>
      rig.admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits: usd(index % 2 === 0 ? '$1' : '$0') }, { ...noted(index), subject: id }),
    ),
  )
  t.ok(groups.length > 5, `${groups.length} groups`)
  for (const group of groups) {
    const { made, told } = acts(group)
    if (JSON.stringify(made) !== JSON.stringify(told)) t.fail(`a group has ${made.length} keys and ${told.length} lines`)
  }
  t.strictSame(acts(groups.flat()).told, [...keys].sort())
})

t.test('embedded: what changes nothing leaves no line', async (t) => {
  const rig = openStore(t)
  await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$1') })
  const gift = { id: 'c', reason: 'x', postings: [] }
  for (let turn = 0; turn < 2; turn += 1) {
    await rig.admin.revokeKey('k', noted(1))
    await rig.admin.correct(gift, noted(2))
    await rig.admin.rotateKey('k', { id: 'new', hash: 'h2' }, noted(3))
    await rig.admin.revokeKey('nobody', noted(4))
  }
  await rig.flushed()
  t.strictSame(
    rig.records.flatMap((record) => (record.t === 'audit' ? [record.subject] : [])),
    ['connection-1', 'connection-2'],
  )
})

const outbox = (rig: RedisStoreRig): Promise<string[]> =>
  rig.raw(async (redis, prefix) => (await redis.xrange(`${prefix}out`, '-', '+')).map(([, fields]) => fields[3] ?? ''))

t.test('Redis: in one script, counted, and once however often it was sent', async (t) => {
  const redis = await startRedis(t)
  const rig = await openRedisStore(t, redis, { realTime: true })
  await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$1') }, { ...noted(0), subject: 'k' })
  await rig.admin.revokeKey('k', noted(1))
  await rig.admin.revokeKey('k', noted(1))
  await rig.admin.setEnabled('acme', false, true, noted(2))
  await rig.admin.correct({ id: 'c', reason: 'x', postings: [] }, noted(3))
  await rig.admin.correct({ id: 'c', reason: 'x', postings: [] }, noted(3))
  await rig.admin.audit.write([noted(4), noted(5)])
  const kinds = (lines: readonly string[]): string[] => lines.map((line) => `${lineOf(line).t} ${lineOf(line).subject ?? ''}`.trim())
  t.strictSame(kinds(await outbox(rig)), [
    ...['key', 'credit', 'audit k', 'revoke', 'audit connection-1', 'enable', 'audit connection-2'],
    ...['correct', 'audit connection-3', 'audit connection-4', 'audit connection-5'],
  ])
  t.equal(await rig.admin.audit.written(), 6)
  redis.pause()
  const written = Promise.all([rig.admin.audit.write([noted(6)]), rig.admin.setEnabled('acme', true, true, noted(7))])
  await until('the store has missed its answer', () => rig.lost() !== undefined)
  redis.resume()
  await written
  t.strictSame(
    kinds(await outbox(rig))
      .slice(11)
      .sort(),
    ['audit connection-6', 'audit connection-7', 'enable'],
  )
  t.equal(await rig.admin.audit.written(), 8)
})
