/** Snapshots: a start reads the newest and the tail, and finds everything that the whole journal says; a damaged one costs time only. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type EpochMs, usd } from '#contract'
import { Answers } from '../../gateway/stores/answers.ts'
import { makeSnapshot } from '../../gateway/stores/snapshots.ts'
import { readSnapshot, type Snapshot } from '../../gateway/stores/snapshot-state.ts'
import { State } from '../../gateway/stores/state.ts'
import { listSegments } from '../../gateway/stores/segments.ts'
import { acme, DAY_MS, daily, eventful, everything, fill, GIFT, journalOf, open, PAID, pay, sell, snapshotsOf } from '../rig/history.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { imageOf } from '../rig/state.ts'
import { ANSWER, credits, fund, hold, named, once, ownerOf, recordsOf, type StoreRig, supply } from '../rig/store.ts'

t.test('what stands in a snapshot and its tail is what stands in the whole journal', async (t) => {
  const rig = open(t)
  await eventful(rig)
  await fill(rig, 3, 'before')
  t.ok(snapshotsOf(rig).length > 0)
  await sell(rig, 'tail', [named('tail', 'd'), supply(credits(), [acme])], { answer: ANSWER })
  const crashed = rig.crash()
  const bare = rig.crash()
  await bare.store.close()
  for (const name of snapshotsOf(bare)) rmSync(join(journalOf(bare), name))
  const whole = await bare.reopen()
  t.ok(whole.records.length > 60)
  const [short, full] = [await everything(crashed), await everything(whole)]
  t.strictSame(short, full)
  t.match(short, {
    named: [{ state: 'stored', answer: { body: 'stored once' } }, { state: 'gone' }, { state: 'stored' }, { state: 'absent' }, { state: 'unknown' }],
  })
  t.match(short, { once: ['payment_invalid', 'payment_invalid', 'held', 'payment_pending'], caps: [140, 150], payout: [{ id: 'po1' }, 1] })
  t.strictSame(await crashed.store.named('tail', 'd'), { state: 'stored', answer: ANSWER, receipt: 'tail' })
  await crashed.store.refund({ receipt: 'refunded', connection: 'acme', owner: 'alice', account: 'key:k', price: usd('$0.15'), platformShare: usd('$0.015') })
  await crashed.admin.correct(GIFT)
  t.strictSame(await crashed.admin.balances(), await whole.admin.balances(), 'a refund and a correction that were made are not made again')
  await crashed.store.resolve('unknown', PAID)
  const paid = { ...ANSWER, body: 'paid for by unknown', headers: [...ANSWER.headers, 'PAYMENT-RESPONSE', 'paid'] }
  t.strictSame(await crashed.store.named('p:unknown', 'd'), { state: 'stored', answer: paid, receipt: 'unknown' })
  t.strictSame(await (await crashed.reopen()).store.named('p:unknown', 'd'), { state: 'stored', answer: paid, receipt: 'unknown' })
})

t.test('a snapshot that is made in bites is the one that is made in one go', async (t) => {
  const rig = open(t)
  await eventful(rig)
  await fill(rig, 3, 'bites')
  const crashed = rig.crash()
  await crashed.store.close()
  const folder = journalOf(crashed)
  for (const name of snapshotsOf(crashed)) rmSync(join(folder, name))
  const wish = { folder, open: listSegments(folder).at(-1)?.first as number, nowMs: rig.clock.nowMs(), replayBytes: 2 ** 20 }
  // Where entries stand is drawn by chance in each file: compared is what they say.
  const made = (pause?: () => void): object => {
    makeSnapshot(wish, pause)
    const [name = ''] = snapshotsOf(crashed)
    const { state, ...link } = readSnapshot(join(folder, name), new State(new Answers(2 ** 20))) as Snapshot
    rmSync(join(folder, name))
    return { ...link, said: imageOf(state) }
  }
  let bites = 0
  const whole = made()
  t.strictSame(
    made(() => {
      bites += 1
    }),
    whole,
  )
  const segments = listSegments(folder).length - 1
  t.ok(segments > 1)
  t.ok(bites > 3 * segments, `${bites} bites of ${segments} segments`)
})

t.test('random histories end alike with snapshots and without', async (t) => {
  const random = randomFrom(seedOf(t))
  let rig = open(t)
  await fund(rig, '$1000')
  for (let round = 0; round < 6; round += 1) {
    for (let index = 0; index < 40; index += 1) {
      const id = `${round}-${index}`
      const pick = random()
      const until = (rig.clock.nowMs() + random() * 3 * DAY_MS) as EpochMs
      if (pick < 0.4)
        await sell(rig, id, [named(`k:${id}`, 'd', { untilMs: until }), supply(credits(), [random() < 0.5 ? acme : daily])], {
          answer: { ...ANSWER, body: id },
        })
      else if (pick < 0.6) await pay(rig, id, until, random() < 0.3 ? undefined : random() < 0.5 ? PAID : { state: 'not_settled', reason: 'x' })
      else if (pick < 0.8)
        await sell(rig, id, [once(`o:${id}`, { untilMs: until }), supply(random() < 0.3 ? ownerOf() : credits(), [acme], 1 + Math.floor(random() * 5))])
      else {
        await hold(rig, id, named(`k:${id}`, 'd', { durable: true, untilMs: until }), supply(credits(), [acme]))
        rig.store.calling(id)
        if (random() < 0.7) rig.store.release(id, random() < 0.5 ? 'wasted' : 'returned')
      }
    }
    await rig.settled()
    rig.clock.pass(Math.floor(random() * 2 * DAY_MS))
    const names = recordsOf(rig).flatMap((record) => ('names' in record ? record.names.map(({ name }) => name) : record.t === 'name' ? [record.name] : []))
    const look = async (one: StoreRig): Promise<object> => ({
      balances: await one.admin.balances(),
      usage: await one.admin.usage(),
      unknowns: (await one.store.unknowns()).map(({ hold }) => hold).sort(),
      names: await Promise.all(names.map((name) => one.store.named(name, 'd'))),
    })
    const next = rig.crash()
    const bare = rig.crash()
    await bare.store.close()
    for (const name of snapshotsOf(bare)) rmSync(join(journalOf(bare), name))
    t.strictSame(await look(next), await look(await bare.reopen()), `round ${round}, ${snapshotsOf(rig).length} snapshots`)
    rig = next
  }
  t.ok(snapshotsOf(rig).length > 0)
})

t.test('the two newest are kept; one that is damaged gives way to the other, then to the whole journal', async (t) => {
  const rig = open(t)
  await fund(rig, '$1000')
  for (const round of ['a', 'b', 'c']) await fill(rig, 1, round)
  const names = snapshotsOf(rig)
  t.equal(names.length, 2)
  t.equal(await rig.settled(), undefined)
  const balance = await rig.admin.balance('key:k')
  await rig.store.close()
  const [older = '', newer = ''] = names
  const keep = readFileSync(join(journalOf(rig), newer))
  for (const at of [0, 40, keep.length >> 1, keep.length - 70, keep.length - 3]) {
    const damaged = Buffer.from(keep)
    damaged[at] = (damaged[at] as number) ^ 4
    writeFileSync(join(journalOf(rig), newer), damaged)
    const again = await rig.reopen()
    t.equal(await again.admin.balance('key:k'), balance, `byte ${at}`)
    await again.settled()
    await again.store.close()
    writeFileSync(join(journalOf(rig), newer), damaged)
  }
  for (const cut of [0, 10, keep.length - 1]) {
    writeFileSync(join(journalOf(rig), newer), keep.subarray(0, cut))
    writeFileSync(join(journalOf(rig), older), '')
    const again = await rig.reopen()
    t.equal(await again.admin.balance('key:k'), balance, `both damaged, cut at ${cut}`)
    await again.settled()
    t.equal(await again.settled(), undefined, 'and a good one was made')
    await again.store.close()
  }
})
