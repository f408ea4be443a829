/** The journal read while it is written: charges by their receipt with their place in the chain, groups in order, the proof of the chain. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { type Settlement, units } from '#contract'
import type { WrittenGroup } from '../../gateway/stores/index.ts'
import { connectionOf } from '../rig/acme.ts'
import { allFrames, segmentsOf } from '../rig/segments.ts'
import { ANSWER, charge, credits, fund, hold, named, once, openStore, paymentOf, type StoreRig, supply, x402 } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(100_000), reserved: units(0) })
const SEGMENT_BYTES = 16 * 1024
const PAID: Settlement = { state: 'settled', transaction: '0xabc', headers: { 'PAYMENT-RESPONSE': 'paid' } }

const open = (t: Test): StoreRig => openStore(t, { connections: [acme], more: { segmentBytes: SEGMENT_BYTES } })
const journalOf = ({ folder }: StoreRig): string => join(folder, 'journal')
const idOf = (index: number): string => `rc_${(1_764_000_000_000 + index).toString(36)}${createHash('md5').update(String(index)).digest('hex')}`

async function sell(rig: StoreRig, id: string): Promise<void> {
  await rig.store.commit(id, charge(await hold(rig, id, supply(credits(), [acme]))))
}

/** Charges until so many segments are complete; says how many. */
async function fill(rig: StoreRig, segments: number, from = 0): Promise<number> {
  let count = from
  for (; segmentsOf(journalOf(rig)).length <= segments; count += 1) await sell(rig, idOf(count))
  await rig.settled()
  return count
}

/** Where each record stands in the chain, by the words of the format. */
function chainOf(rig: StoreRig): Map<string, { sequence: number; hash: string; line: number }> {
  const found = new Map<string, { sequence: number; hash: string; line: number }>()
  let records: string[] = []
  for (const { text } of allFrames(journalOf(rig))) {
    const [sequence = '', , hash = ''] = text.slice(1).split(' ')
    if (!text.startsWith('=')) records.push(text)
    else {
      records.forEach((record, line) => {
        const { t, id } = JSON.parse(record) as { t: string; id: string }
        found.set(`${t} ${id}`, { sequence: Number(sequence), hash, line })
      })
      records = []
    }
  }
  return found
}

const refused = (name: RegExp) => ({ name: 'Error', message: name })

t.test('a charge is found by its receipt at once and for ever, with its place in the chain', async (t) => {
  const rig = open(t)
  await fund(rig, '$10000')
  const count = await fill(rig, 3)
  await Promise.all(Array.from({ length: 5 }, (_, index) => sell(rig, `together "${index}"\n`)))
  for (let life = rig, lives = 0; lives < 2; lives += 1) {
    const chain = chainOf(life)
    for (const id of [0, 1, count >> 1, count - 1].map(idOf).concat('together "3"\n')) {
      t.match(await life.reader.charged(id), { record: { t: 'charge', id, price: '150000' }, chain: chain.get(`charge ${id}`), settled: undefined }, id)
    }
    t.ok((chain.get('charge together "3"\n')?.line ?? 0) > 0, 'one of several in its group')
    for (const id of [idOf(count), '', 'rc_', 'grant-k', 'together']) t.equal(await life.reader.charged(id), undefined, `nothing is called ${id}`)
    await sell(life, `just now ${lives}`)
    t.match(await life.reader.charged(`just now ${lives}`), { record: { id: `just now ${lives}` } }, 'also one that was charged a moment ago')
    life = await life.reopen()
  }
})

t.test('a paid call is a charge when its settlement took effect, wherever that stands', async (t) => {
  const rig = open(t)
  await fund(rig, '$10000')
  const pay = async (id: string): Promise<void> => {
    const chosen = await hold(rig, id, named(`p:${id}`), once(id), supply(x402('$0.30'), [acme], 2))
    await rig.store.intend(id, charge(chosen, 2, { answer: ANSWER }), paymentOf('$0.30'))
  }
  for (const id of ['early', 'late', 'void', 'open']) await pay(id)
  await rig.store.resolve('early', PAID)
  await rig.store.resolve('void', { state: 'not_settled', reason: 'no funds' })
  t.equal(await rig.reader.charged('late'), undefined, 'not yet')
  await fill(rig, 2)
  rig.clock.pass(60_000)
  await rig.store.resolve('late', PAID)
  const chain = chainOf(rig)
  for (const id of ['early', 'late']) {
    const found = await rig.reader.charged(id)
    t.match(found, {
      record: { t: 'intent', id, by: 'x402' },
      chain: chain.get(`intent ${id}`),
      settled: { record: { transaction: '0xabc' }, chain: chain.get(`settled ${id}`) },
    })
  }
  t.equal(await rig.reader.charged('void'), undefined)
  t.equal(await rig.reader.charged('open'), undefined)
  t.match(await rig.reader.chargedCall('late'), {
    ...{ receipt: 'late', atMs: rig.clock.nowMs(), connection: 'acme', by: 'x402', units: 2, price: 300_000n, transaction: '0xabc', requestDigest: 'asked' },
    chain: chain.get('intent late'),
  })
})

t.test('indexes are made again when they are lost or damaged', async (t) => {
  const rig = open(t)
  await fund(rig, '$10000')
  await fill(rig, 3)
  const indexes = (): string[] => readdirSync(journalOf(rig)).filter((name) => name.endsWith('.idx'))
  t.equal(indexes().length, 3, 'made beside the snapshot, so that nobody waits for them')
  const [lost = '', damaged = '', empty = ''] = indexes().map((name) => join(journalOf(rig), name))
  rmSync(lost)
  const bytes = readFileSync(damaged)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  writeFileSync(damaged, bytes)
  writeFileSync(empty, '')
  for (const index of [0, 5, 20, 40]) t.match(await rig.reader.charged(idOf(index)), { record: { id: idOf(index) } })
  t.equal(indexes().length, 3)
  t.notOk(readFileSync(damaged).equals(bytes))
})

async function groupsOf(rig: StoreRig, from?: number): Promise<WrittenGroup[]> {
  const groups: WrittenGroup[] = []
  for await (const group of rig.reader.groups(from)) groups.push(group)
  return groups
}

t.test('every group can be read, from any on, with what it needs to prove its hash', async (t) => {
  const rig = open(t)
  await fund(rig, '$10000')
  await fill(rig, 2)
  await sell(rig, 'last')
  const groups = await groupsOf(rig)
  let hash = '0'.repeat(64)
  groups.forEach((group, index) => {
    hash = createHash('sha256')
      .update(hash)
      .update(group.lines.map((line) => `${line}\n`).join(''))
      .digest('hex')
    if (group.sequence !== index + 1 || group.hash !== hash) t.fail(`group ${group.sequence}`)
  })
  t.match(groups.at(-1)?.lines[0], /"id":"last"/)
  for (const from of [2, groups.length >> 1, groups.length, groups.length + 1]) {
    t.strictSame(
      (await groupsOf(rig, from)).map(({ sequence }) => sequence),
      groups.slice(from - 1).map(({ sequence }) => sequence),
    )
  }
  const long = 'x'.repeat(3_000_000)
  await rig.store.commit('long', charge(await hold(rig, 'long', named('n'), supply(credits(), [acme])), 1, { answer: { ...ANSWER, body: long } }))
  t.match((await groupsOf(rig)).at(-1)?.lines.join(), long, 'also one that is longer than what is read at once')
})

t.test('the chain is proven, or the place is named where it is broken', async (t) => {
  const rig = open(t)
  await fund(rig, '$10000')
  await fill(rig, 3)
  const groups = await groupsOf(rig)
  const { sequence, hash } = groups.at(-1) as WrittenGroup
  t.strictSame(await rig.reader.verifyChain(), { ok: true, detail: `${groups.length} groups, the last is ${sequence} ${hash}` })
  const files = segmentsOf(journalOf(rig))
  for (const [file, at] of [
    [files[0], 30],
    [files[1], 2_000],
    [files[3], 20],
  ] as const) {
    const bytes = readFileSync(file as string)
    const damaged = Buffer.from(bytes)
    damaged[at] = (damaged[at] as number) ^ 1
    writeFileSync(file as string, damaged)
    const { ok, detail } = await rig.reader.verifyChain()
    t.notOk(ok)
    t.match(detail, new RegExp(`${file}.* (does not match its hash|whole groups)`))
    writeFileSync(file as string, bytes)
  }
  renameSync(files[1] as string, join(rig.folder, 'aside'))
  t.match(await rig.reader.verifyChain(), { ok: false, detail: /is missing/ })
  renameSync(join(rig.folder, 'aside'), files[1] as string)
  renameSync(files[0] as string, join(rig.folder, 'aside'))
  t.match(
    await rig.reader.verifyChain(),
    { ok: true, detail: /groups 1 to \d+ are archived elsewhere and were not read/ },
    'the snapshot knows with which hash they ended',
  )
  renameSync(join(rig.folder, 'aside'), files[0] as string)
})

t.test('when the store is closed nobody is left waiting', async (t) => {
  const rig = open(t)
  await fund(rig, '$1')
  const asked = rig.reader.verifyChain()
  const failed = asked.then(
    () => 'answered',
    (error: Error) => error.message,
  )
  await rig.store.close()
  t.match(await failed, /answered|closed|ended/)
  await t.rejects(rig.reader.charged('x'), refused(/closed/))
})

t.test('when the store is closed its threads have ended', async (t) => {
  const running = new Set<Worker>()
  const hear = (worker: Worker): void => {
    running.add(worker)
    worker.once('exit', () => running.delete(worker))
  }
  process.on('worker', hear)
  t.teardown(() => process.off('worker', hear))
  const rig = open(t)
  await fund(rig, '$1')
  await rig.reader.verifyChain()
  t.equal(running.size, 1, 'the one that reads')
  await rig.store.close()
  t.equal(running.size, 0)
})
