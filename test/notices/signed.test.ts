/** What is sent to a webhook is signed by Standard Webhooks, so that a receiver can tell it from a forgery, a change and a repetition. */
import { createHmac, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { WebhookKey } from '#contract'
import { WebhookNotices } from '../../gateway/notices/index.ts'
import { posting } from '../../gateway/notices/post.ts'
import { guardedDispatcher } from '../../gateway/engine/upstream/dispatcher.ts'
import { until } from '../rig/gateway.ts'
import { OK, type Provider, reply, type Seen, startProvider } from '../rig/provider.ts'
import { countingChance, type LogLine, memoryLog, ScriptedClock } from '../rig/scripted.ts'

const BYTES = randomBytes(32)
const SECRET = `whsec_${BYTES.toString('base64')}`
const KEY = WebhookKey.from(SECRET) as WebhookKey

function telling(t: Test, { url }: Provider, key: WebhookKey | undefined) {
  const dispatcher = guardedDispatcher({ allowPrivate: true })
  t.teardown(() => dispatcher.destroy())
  const clock = new ScriptedClock()
  const logged: LogLine[] = []
  const alarms: (() => void)[] = []
  const notices = new WebhookNotices({
    ...{ clock, chance: countingChance(), log: memoryLog(logged), post: posting(dispatcher), webhooks: () => [{ url, key }] },
    alarm: (_ms, wake) => {
      alarms.push(wake)
      return () => undefined
    },
  })
  t.teardown(() => notices.close())
  notices.tell({ kind: 'quota-low', owner: 'alice', connection: 'acme', detail: 'acme has used 500 of 1000 units', percent: 50 })
  return { notices, clock, logged, alarms }
}

/** As the specification says it, by hand. */
const signatureOf = ({ headers, body }: Seen): string =>
  `v1,${createHmac('sha256', BYTES).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')}`

t.test('id, time and body are signed; the id is the one in the body', async (t) => {
  const receiver = await startProvider(t)
  receiver.always(OK)
  const { clock, notices } = telling(t, receiver, KEY)
  await receiver.asked(1)
  const [seen] = receiver.seen as [Seen]
  t.equal(seen.headers['webhook-signature'], signatureOf(seen))
  t.equal(seen.headers['webhook-timestamp'], String(Math.floor(clock.nowMs() / 1e3)))
  t.match(JSON.parse(seen.body), { id: seen.headers['webhook-id'], kind: 'quota-low', percent: 50 })
  await until('counted', () => notices.counts().delivered === 1)
  t.strictSame(notices.counts(), { delivered: 1, dropped: 0, waiting: 0 })
})

t.test('each try is signed anew with its own time, under the same id', async (t) => {
  const receiver = await startProvider(t)
  receiver.next(reply(503, ''), OK)
  const { clock, alarms } = telling(t, receiver, KEY)
  await until('a pause', () => alarms.length === 1)
  clock.pass(30_000)
  alarms[0]?.()
  await receiver.asked(2)
  const [first, second] = receiver.seen as [Seen, Seen]
  t.equal(first.headers['webhook-id'], second.headers['webhook-id'])
  t.equal(Number(second.headers['webhook-timestamp']) - Number(first.headers['webhook-timestamp']), 30)
  for (const seen of [first, second]) t.equal(seen.headers['webhook-signature'], signatureOf(seen))
})

t.test('without a secret there is an id and no signature', async (t) => {
  const receiver = await startProvider(t)
  receiver.always(OK)
  telling(t, receiver, undefined)
  await receiver.asked(1)
  t.match(receiver.seen[0]?.headers, { 'webhook-id': /^nt_/ })
  t.notOk('webhook-signature' in (receiver.seen[0]?.headers ?? {}))
})

t.test('a secret is whsec_ and 24 to 64 bytes, and nothing prints it', async (t) => {
  const of = (size: number): string => `whsec_${randomBytes(size).toString('base64')}`
  for (const good of [of(24), of(25), of(26), of(64), SECRET]) t.ok(WebhookKey.from(good), good)
  for (const bad of [of(23), of(65), BYTES.toString('base64'), `${SECRET} `, `${SECRET.slice(0, -2)}`, 'whsec_', '', `whsec_${'?'.repeat(44)}`])
    t.equal(WebhookKey.from(bad), undefined, bad)
  const shown = [inspect(KEY, { depth: 9, showHidden: true }), JSON.stringify({ KEY }), String(KEY), JSON.stringify(structuredClone({ ...KEY }))].join(' ')
  for (const form of [SECRET.slice(6, 30), BYTES.toString('hex').slice(0, 20), [...BYTES.subarray(0, 4)].join(',')]) t.notOk(shown.includes(form), form)
})
