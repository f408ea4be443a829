/** kill -9 while audit lines are written: every one that was acknowledged is there after the restart, in order, and the log proves. */
import t, { type Test } from 'tap'
import { openAuditGround, subjectsOf } from '../rig/audit.ts'
import { startChild } from '../rig/child.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { sandbox, writeConfig } from '../rig/gateway.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { startRedis, STRICT } from '../rig/redis.ts'

const random = randomFrom(seedOf(t))
const MOST = 100_000
const LONGER = process.env.ATLAS_TEST_LONG === '1' ? 10 : 1

/** Kills, opens again, compares; so many times on one store. */
async function loop(t: Test, more: object, kills: number, killed: () => Promise<void> = async () => undefined): Promise<void> {
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, sandbox(more))
  const known: string[] = []
  for (let round = 0; round < kills; round += 1) {
    const child = startChild(t, 'audit-writer.js', [file, `r${round}`])
    await child.said(1 + Math.floor(random() * 400))
    await child.kill()
    await killed()
    known.push(...child.lines.filter((line) => line.startsWith('ok ')).map((line) => line.slice(3)))
    const ground = await openAuditGround(t, more, { folder })
    const found = subjectsOf(await ground.audit.entries({ limit: MOST }))
    const there = new Set(found)
    const lost = known.filter((subject) => !there.has(subject))
    if (lost.length > 0) t.fail(`kill ${round}: ${lost.length} of ${known.length} acknowledged lines are lost: ${lost.slice(0, 3).join(', ')}`)
    if (there.size !== found.length) t.fail(`kill ${round}: ${found.length - there.size} lines are there twice`)
    // As they were written: later ones behind earlier ones.
    const misplaced = found.findIndex((subject, index) => index > 0 && subject < (found[index - 1] as string))
    if (misplaced !== -1) t.fail(`kill ${round}: ${found[misplaced]} stands behind ${found[misplaced - 1]}`)
    const { ok, detail } = await ground.audit.verify()
    if (!ok) t.fail(`kill ${round}: ${detail}`)
    await ground.close()
  }
  t.ok(known.length > kills, `${known.length} acknowledged lines in ${kills} kills`)
}

t.test('embedded store and books', (t) => loop(t, {}, 4 * LONGER))

t.test('Redis and embedded books, with Redis killed, too', async (t) => {
  const redis = await startRedis(t, STRICT)
  const store = { driver: 'redis', url: redis.url, name: 'crash' }
  await loop(t, { store, ledger: { path: 'data' } }, 3 * LONGER, async () => {
    await redis.kill()
    await redis.start()
  })
})
