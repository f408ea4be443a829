/** Owners are told by a webhook that may be slow, broken, gone, or lead elsewhere: nobody waits for it, and nothing grows without end. */
import t, { type Test } from 'tap'
import type { Notice, WebhookKey } from '#contract'
import { WebhookNotices } from '../../gateway/notices/index.ts'
import { posting } from '../../gateway/notices/post.ts'
import { guardedDispatcher } from '../../gateway/engine/upstream/dispatcher.ts'
import { until } from '../rig/gateway.ts'
import { hang, OK, type Provider, reply, reset, startProvider } from '../rig/provider.ts'
import { countingChance, type LogLine, memoryLog, ScriptedClock } from '../rig/scripted.ts'

const notice = (more: Partial<Notice> = {}): Notice => ({ kind: 'connection-paused', owner: 'alice', connection: 'acme', detail: 'acme is paused', ...more })

function telling(t: Test, urls: readonly string[], allowPrivate = true, key?: WebhookKey) {
  const dispatcher = guardedDispatcher({ allowPrivate })
  t.teardown(() => dispatcher.destroy())
  const clock = new ScriptedClock()
  const logged: LogLine[] = []
  const alarms: { ms: number; wake: () => void }[] = []
  const notices = new WebhookNotices({
    ...{ clock, chance: countingChance(), log: memoryLog(logged), post: posting(dispatcher), webhooks: () => urls.map((url) => ({ url, key })) },
    alarm: (ms, wake) => {
      const one = { ms, wake }
      alarms.push(one)
      return () => alarms.splice(alarms.indexOf(one) >>> 0, 1)
    },
  })
  t.teardown(() => notices.close())
  const dropped = (): string[] =>
    logged.flatMap(({ message, fields }) => (message === 'a notice did not reach its owner' ? [(fields as { why: string }).why] : []))
  /** The pause that is under way is over. */
  const wake = async (): Promise<number> => {
    await until('a pause', () => alarms.length > 0)
    const one = alarms.shift() as { ms: number; wake: () => void }
    clock.pass(one.ms)
    one.wake()
    return one.ms
  }
  return { clock, logged, alarms, notices, dropped, wake }
}

const bodies = ({ seen }: Provider): Record<string, unknown>[] => seen.map(({ body }) => JSON.parse(body) as Record<string, unknown>)

t.test('a notice is a POST of JSON with what, whom and when, and an id of its own', async (t) => {
  const receiver = await startProvider(t)
  const { notices, logged } = telling(t, [`${receiver.url}/hook?token=x`])
  notices.tell(notice())
  t.equal(receiver.seen.length, 0, 'telling does not wait')
  await receiver.asked(1)
  t.match(receiver.seen[0], { method: 'POST', url: '/hook?token=x', headers: { 'content-type': 'application/json' } })
  t.strictSame(bodies(receiver), [
    {
      kind: 'connection-paused',
      owner: 'alice',
      connection: 'acme',
      detail: 'acme is paused',
      at: '2026-11-23T12:00:00.000Z',
      id: `nt_${'1'.padStart(24, '0')}`,
    },
  ])
  t.match(logged[0], { level: 'warn', message: 'acme is paused' })
})

t.test('the same within an hour is told once, pauses and their end each time, other sentences about an answer each', async (t) => {
  const receiver = await startProvider(t)
  const { notices, clock, logged } = telling(t, [receiver.url])
  for (const kind of ['quota-low', 'connection-paused', 'connection-resumed'] as const) for (let time = 0; time < 3; time += 1) notices.tell(notice({ kind }))
  for (const detail of ['a', 'a', 'b']) notices.tell(notice({ kind: 'bad-answer', detail }))
  notices.tell(notice({ kind: 'quota-low', connection: 'other' }))
  await receiver.asked(1 + 3 + 3 + 2 + 1)
  clock.pass(3_600_000)
  notices.tell(notice({ kind: 'quota-low' }))
  await receiver.asked(11)
  t.equal(bodies(receiver).filter(({ kind }) => kind === 'quota-low').length, 3)
  t.equal(logged.length, 14, 'the log has each')
})

t.test('a fault is tried again, at growing pauses, five times in all; then the log says so, without the address', async (t) => {
  const receiver = await startProvider(t)
  receiver.next(reply(500, 'oops'), reset, reply(429, 'later'))
  const { notices, wake, dropped } = telling(t, [`${receiver.url}/secret-path`])
  notices.tell(notice())
  t.same([await wake(), await wake(), await wake()], [5_000, 30_000, 120_000])
  await receiver.asked(4)
  t.equal(new Set(bodies(receiver).map(({ id }) => id)).size, 1, 'under the same id')
  await until('done', () => receiver.seen.length === 4)
  receiver.always(reply(503, ''))
  notices.tell(notice({ detail: 'again' }))
  for (let time = 0; time < 4; time += 1) await wake()
  await until('given up', () => dropped().length === 1)
  t.equal(receiver.seen.length, 4 + 5)
  t.same(dropped(), ['it answered 503'])
})

t.test('a redirect is not followed, a refusal not repeated', async (t) => {
  const [receiver, elsewhere] = [await startProvider(t), await startProvider(t)]
  receiver.next(reply(307, '', ['location', elsewhere.url]), reply(404, ''), reply(410, ''))
  const { notices, dropped } = telling(t, [receiver.url])
  for (const detail of ['1', '2', '3', '4']) notices.tell(notice({ detail }))
  await receiver.asked(4)
  await until('all', () => dropped().length === 3)
  t.same(dropped(), ['it answered 307', 'it answered 404', 'it answered 410'])
  t.equal(elsewhere.seen.length, 0)
})

t.test('an address that is not public is not called, however it is named', async (t) => {
  const receiver = await startProvider(t)
  for (const url of [receiver.url, receiver.url.replace('127.0.0.1', 'localhost'), 'http://[::ffff:127.0.0.1]:1', 'http://169.254.169.254/latest']) {
    const { notices, dropped } = telling(t, [url], false)
    notices.tell(notice())
    await notices.close()
    await until('dropped', () => dropped().length === 1)
  }
  t.equal(receiver.seen.length, 0)
})

t.test('an endless answer is not read, a silent one not waited for at the end', async (t) => {
  const receiver = await startProvider(t)
  let written = 0
  let gone = false
  receiver.next((response) => {
    response.writeHead(200)
    response.on('close', () => {
      gone = true
    })
    const pour = (): void => {
      if (gone || written > 50_000_000) return
      written += 65_536
      if (response.write(Buffer.alloc(65_536))) setImmediate(pour)
      else response.once('drain', pour)
    }
    pour()
  }, hang)
  const { notices } = telling(t, [receiver.url])
  notices.tell(notice({ detail: 'endless' }))
  await until('cut off', () => gone)
  t.ok(written < 50_000_000, `${written} bytes were poured`)
  notices.tell(notice({ detail: 'silent' }))
  await receiver.asked(2)
  const start = performance.now()
  await notices.close()
  const took = performance.now() - start
  t.ok(took > 1_500 && took < 3_500, `${Math.round(took)} ms`)
  notices.tell(notice({ detail: 'after the end' }))
  t.equal(receiver.seen.length, 2)
})

t.test('at the end what waits for another try gets it at once', async (t) => {
  const receiver = await startProvider(t)
  receiver.next(reply(500, ''))
  const { notices, alarms } = telling(t, [receiver.url])
  for (const detail of ['first', 'second']) notices.tell(notice({ detail }))
  await until('a pause', () => alarms.length === 1)
  await notices.close()
  t.same(
    bodies(receiver).map(({ detail }) => detail),
    ['first', 'first', 'second'],
  )
})

t.test('one webhook that is gone keeps nobody else waiting, and what waits for it is bounded', async (t) => {
  const [receiver, gone] = [await startProvider(t), await startProvider(t)]
  await gone.close()
  receiver.always(OK)
  const { notices, dropped, clock, alarms } = telling(t, [gone.url, receiver.url])
  for (let count = 0; count < 300; count += 1) notices.tell(notice({ detail: `${count}` }))
  await receiver.asked(100)
  t.ok(dropped().length >= 300 - 100, `${dropped().length} were dropped`)
  clock.pass(1_000_000)
  await until('a pause', () => alarms.length > 0)
  alarms.shift()?.wake()
  await until('all too old', () => dropped().filter((why) => why === 'it got too old').length >= 90)
})
