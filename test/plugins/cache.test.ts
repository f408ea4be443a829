/** Answers that are given again: one call of the provider, a charge for each consumer, no unit of the owner's, and nothing kept without leave. */
import t from 'tap'
import { type Operation, sha256 } from '#contract'
import { stageConnection, Stage, type StageOptions } from '../../gateway/kit/index.ts'
import cache from '../../plugins/cache.ts'
import { operationOf } from '../rig/acme.ts'
import { reached } from '../rig/inside.ts'

const MAY = { seconds: 60, source: 'acme.example/terms', checked: '2026-11-26' }
const search = (more: Partial<Operation> = {}): Operation => operationOf('search', { caching: MAY, ...more })

async function staged(t: { teardown(work: () => unknown): unknown }, options: StageOptions = {}): Promise<Stage> {
  const stage = await Stage.open(cache, { operations: [search()], ...options })
  t.teardown(() => stage.close())
  return stage
}

/** A provider that waits until it is let go. */
function gated(stage: Stage): { asked: number; open(): void; fail(): void } {
  let settle = { open: (): void => undefined, fail: (): void => undefined }
  const gate = new Promise<void>((resolve, reject) => {
    settle = { open: resolve, fail: () => reject(new Error('the connection broke')) }
  })
  const gated = { asked: 0, open: () => settle.open(), fail: () => settle.fail() }
  stage.provider = async () => {
    gated.asked += 1
    await gate
    return { status: 200, body: { rows: stage.sent.length } }
  }
  return gated
}

t.test('equal calls at once are one call of the provider; each consumer pays, the owner uses one unit', async (t) => {
  const stage = await staged(t)
  const keys = await Promise.all(['a', 'b', 'c', 'd'].map((id) => stage.key(id)))
  const gate = gated(stage)
  const calls = keys.map((headers) => stage.call({ headers }))
  await reached('one has asked', () => gate.asked === 1)
  gate.open()
  const ended = await Promise.all(calls)
  t.equal(stage.sent.length, 1)
  t.same(
    ended.map(({ status, body, headers }) => [status, body, headers['x-atlas-price'], headers['x-atlas-units'], headers.age]),
    [[200, '{"rows":1}', '$0.15', '1', undefined], ...Array.from({ length: 3 }, () => [200, '{"rows":1}', '$0.15', '0', '0'])],
  )
  t.equal(new Set(ended.map(({ headers }) => headers['x-atlas-receipt'])).size, 4, 'a receipt each')
  const { sold, wasted, left, revenue } = await stage.admin.counters('acme')
  t.same([sold, wasted, left, revenue], [1, 0, 699, 600_000n])
  for (const id of ['a', 'b', 'c', 'd']) t.equal(await stage.admin.balance(`key:${id}`), 9_850_000n)
  t.same(ended.map(({ outcome }) => outcome.attempts[0]?.meaning).sort(), ['kept', 'kept', 'kept', 'ok'])
})

t.test('an answer is given again until its time is over, whichever is shorter: the terms or the setting', async (t) => {
  for (const [settings, seconds, lastsMs] of [
    [{}, 60, 60_000],
    [{ longest: '10s' }, 60, 10_000],
    [{ longest: '1h' }, 90, 90_000],
  ] as const) {
    const stage = await staged(t, { settings, operations: [search({ caching: { ...MAY, seconds } })] })
    const headers = await stage.key('k')
    await stage.call({ headers })
    stage.clock.pass(lastsMs - 1)
    const late = await stage.call({ headers })
    t.same([stage.sent.length, late.headers.age], [1, String(Math.floor((lastsMs - 1) / 1000))])
    stage.clock.pass(2)
    await stage.call({ headers })
    t.equal(stage.sent.length, 2)
  }
})

t.test('nothing is kept where the terms do not say that it may be, nor of what does more than read', async (t) => {
  const { caching: _, ...silent } = search()
  const operations: readonly Operation[] = [
    silent,
    search({ caching: 'not-found' }),
    search({ caching: 'forbidden' }),
    search({ reads: false }),
    search({ streaming: true }),
    { ...search(), method: 'POST', body: 'any' },
  ]
  for (const operation of operations) {
    const stage = await staged(t, { operations: [operation] })
    const headers = await stage.key('k')
    for (let count = 0; count < 2; count += 1) await stage.call({ method: operation.method, headers })
    t.equal(stage.sent.length, 2, JSON.stringify([operation.method, operation.caching, operation.reads, operation.streaming]))
  }
  const stage = await staged(t, { operations: [{ ...search(), method: 'POST', body: 'any', reads: true }] })
  const headers = await stage.key('k')
  for (const body of ['{"a":1}', '{"a":1}', '{"a":2}']) await stage.call({ method: 'POST', headers, body })
  t.equal(stage.sent.length, 2, 'a POST that reads is kept by its body')
})

t.test('another question, another subscription, a wish for what is new, a condition and an owner each reach the provider', async (t) => {
  const stage = await staged(t)
  const headers = await stage.key('k')
  await stage.admin.createKey({ id: 'o', hash: sha256('atlas_o'), role: 'owner', owner: 'alice' } as never)
  const asks = [
    {},
    { path: '/acme/search?q=1' },
    { headers: { ...headers, accept: 'text/csv' } },
    { headers: { ...headers, 'cache-control': 'no-cache' } },
    { headers: { ...headers, 'if-none-match': '"x"' } },
    { headers: { authorization: 'Bearer atlas_o' } },
  ]
  for (const [at, ask] of asks.entries()) {
    t.equal((await stage.call({ headers, ...ask })).status, 200)
    t.equal(stage.sent.length, at + 1, JSON.stringify(ask))
  }
  await stage.call({ headers })
  t.equal(stage.sent.length, asks.length, 'and what was asked before is there')
  const two = await staged(t, { connections: [stageConnection('one'), stageConnection('two')] })
  const key = await two.key('k')
  await two.call({ headers: key })
  const [first] = two.sent
  await two.admin.setEnabled(first?.connection.name ?? '', false, false)
  await two.call({ headers: key })
  t.same(new Set(two.sent.map(({ connection }) => connection.name)), new Set(['one', 'two']), 'who sells an answer is who has it')
})

t.test('what is no success, and what the provider wants nobody to store, is not kept', async (t) => {
  const stage = await staged(t)
  const headers = await stage.key('k')
  const answers = [
    { status: 404, body: { error: 'none' } },
    { status: 200, headers: { 'cache-control': 'private, no-store' }, body: {} },
    { status: 201, body: {} },
    { status: 200, body: { good: true } },
  ]
  for (const [at, answer] of answers.entries()) {
    stage.provider = () => answer
    await stage.call({ headers })
    t.equal(stage.sent.length, at + 1)
  }
  stage.provider = () => ({ status: 200, body: {}, headers: { 'set-cookie': 'a=b', 'x-shown': 'yes' } })
  t.equal((await stage.call({ headers })).body, '{"good":true}')
  const other = await stage.call({ headers, path: '/acme/search?q=2' })
  const again = await stage.call({ headers, path: '/acme/search?q=2' })
  t.same(
    [other, again].map((one) => [one.headers['x-shown'], one.headers['set-cookie']]),
    [
      ['yes', undefined],
      ['yes', undefined],
    ],
  )
})

t.test('where the first of equal calls fails, those that wait ask themselves; nobody waits for ever', async (t) => {
  const stage = await staged(t)
  const keys = await Promise.all(['a', 'b', 'c'].map((id) => stage.key(id)))
  const gate = gated(stage)
  const calls = keys.map((headers) => stage.call({ headers }))
  await reached('one has asked', () => gate.asked === 1)
  stage.provider = () => ({ status: 200, body: {} })
  gate.fail()
  const ended = await Promise.all(calls)
  t.same(
    ended.map(({ status }) => status),
    [502, 200, 200],
  )
  const { sold, wasted } = await stage.admin.counters('acme')
  t.equal(wasted, 1, 'of the one that broke')
  t.equal(sold, stage.sent.length - 1)
})

t.test('memory is bounded: what nobody asked for longest goes first', async (t) => {
  const stage = await staged(t, { settings: { size: '40KiB' } })
  const headers = await stage.key('k', '$1000')
  stage.provider = () => ({ status: 200, body: { text: 'x'.repeat(9000) } })
  const ask = (q: number) => stage.call({ headers, path: `/acme/search?q=${q}` })
  for (const q of [1, 2, 3, 4]) await ask(q)
  await ask(1)
  await ask(5)
  t.equal(stage.sent.length, 6 - 1, 'q=1 was there')
  await ask(1)
  t.equal(stage.sent.length, 5, 'and still is')
  await ask(2)
  t.equal(stage.sent.length, 6, 'q=2 had to go')
})
