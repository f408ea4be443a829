/** The provider's own counter is heeded: what others use on the same key comes off what is for sale; what is under way never does. */
import t, { type Test } from 'tap'
import { readFileSync } from 'node:fs'
import type { Alarm } from '#contract'
import { BALANCE, bearer, MovableClock, OPEN_RATE, openGateway, type Rig, sandbox, until, WALLET } from '../rig/gateway.ts'
import { OK, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const QUOTA = 10_000
const LEFT = 'X-Nansen-Credits-Remaining'

/** A provider that counts: each call one unit, and what its owner does elsewhere. Refusals cost nothing. */
async function counting(t: Test) {
  const provider = await startProvider(t)
  const account = { used: 0, tells: true, usage: 200 }
  provider.always(async (response, seen) => {
    if (seen.url === '/account') return reply(account.usage, { plan: 'pro', credits_remaining: QUOTA - account.used })(response, seen)
    account.used += 1
    const said = account.tells ? [LEFT, String(QUOTA - account.used)] : []
    // Answers overtake each other.
    await new Promise((resolve) => setTimeout(resolve, account.used % 7))
    return reply(200, { data: [] }, said)(response, seen)
  })
  return { provider, account }
}

async function selling(t: Test, provider: Provider, more: { alarm?: Alarm; clock?: MovableClock; webhook?: string } = {}): Promise<{ rig: Rig; key: string }> {
  const { alarm, clock, webhook } = more
  const nansen = { name: 'nansen', base_url: provider.url, api_key: 'k', monthly_quota: QUOTA, reserved: 300 }
  const connection = webhook === undefined ? nansen : { ...nansen, owner: 'alice', notify: { webhook } }
  const plugins = ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve']
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, api_connections: [connection], plugins }), {
    ...(alarm === undefined ? {} : { alarm }),
    ...(clock === undefined ? {} : { clock }),
  })
  return { rig, key: (await rig.key({ credits: '$1000' })).key }
}

const sell = async (rig: Rig, key: string): Promise<number> => (await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })).status

interface Row {
  readonly sold_units: number
  readonly external_units: number
  readonly units_left: number
  readonly drift_percent: number
  readonly warnings: readonly string[]
}
const rowOf = async (rig: Rig): Promise<Row> => (await rig.office.marketplace.status()).connections[0] as unknown as Row

t.test('own use outside is seen within a call, and no calls at once look like it', async (t) => {
  const { provider, account } = await counting(t)
  const { rig, key } = await selling(t, provider)
  t.equal(await sell(rig, key), 200)
  let sold = 2
  for (let round = 0; round < 3; round += 1) {
    const statuses = await Promise.all(Array.from({ length: 40 }, () => sell(rig, key)))
    sold += statuses.filter((status) => status === 200).length
    t.match(await rowOf(rig), { external_units: 0 })
  }
  account.used += 500
  t.equal(await sell(rig, key), 200)
  await until('it is seen', async () => (await rowOf(rig)).external_units === 500)
  t.ok(sold > 100, `${sold} were sold`)
  const { sold_units, units_left, drift_percent } = await rowOf(rig)
  t.same([sold_units, drift_percent], [sold, 5])
  t.ok(units_left <= QUOTA - 300 - sold - 200, 'out of the reserve, then out of what is for sale')
  t.match((await rowOf(rig)).warnings.at(-1), /the provider counts 500 units of nansen \(5 % of its quota\)/)
  const { ok, checks } = await rig.office.verify()
  t.ok(ok, JSON.stringify(checks))
})

t.test('above 2 % the owner is told once, by his webhook, and the figure survives a restart', async (t) => {
  const { provider, account } = await counting(t)
  const receiver = await startProvider(t)
  receiver.always(OK)
  const { rig, key } = await selling(t, provider, { webhook: receiver.url })
  account.used += 201
  await sell(rig, key)
  await receiver.asked(1)
  await Promise.all(Array.from({ length: 30 }, () => sell(rig, key)))
  await until('the burst is read', async () => (await rowOf(rig)).external_units === 201)
  t.match(JSON.parse(receiver.seen[0]?.body ?? ''), { kind: 'quota-drift', owner: 'alice', connection: 'nansen', detail: /counts 201 units of nansen \(2 % / })
  await rig.close(0)
  const again = await openGateway(t, readFileSync(rig.file, 'utf8'), { folder: rig.folder })
  t.match(await rowOf(again), { external_units: 201 })
  t.equal(await sell(again, key), 200)
  await again.close(0)
  t.equal(receiver.seen.length, 1, 'told once')
})

t.test('a counter beyond the quota, or none, changes nothing', async (t) => {
  const provider = await startProvider(t)
  const { rig, key } = await selling(t, provider)
  for (const said of ['20000', '-5', 'NaN', '1e2', '']) {
    provider.next(reply(200, { data: [] }, [LEFT, said]))
    t.equal(await sell(rig, key), 200)
  }
  t.match(await rowOf(rig), { external_units: 0, drift_percent: 0 })
})

t.test('where no field tells, the usage endpoint is asked seldom; a gateway without an alarm asks nothing', async (t) => {
  const { provider, account } = await counting(t)
  account.tells = false
  account.used = 400
  const clock = new MovableClock()
  const alarms: { ms: number; wake: () => void }[] = []
  const alarm: Alarm = (ms, wake) => {
    alarms.push({ ms, wake })
    return () => undefined
  }
  const { rig } = await selling(t, provider, { alarm, clock })
  await selling(t, provider)
  const usages = (): number => provider.seen.filter(({ url }) => url === '/account').length
  t.equal(usages(), 0, 'not at the start')
  const wake = async (): Promise<void> => {
    await until('it waits', () => alarms.length > 0)
    const { ms, wake } = alarms.shift() as { ms: number; wake: () => void }
    t.ok(ms >= 300_000, `${ms} ms`)
    clock.aheadMs += ms
    wake()
    await until('it is done', () => alarms.length > 0 || account.usage !== 200)
  }
  await wake()
  t.equal(usages(), 1)
  t.match(await rowOf(rig), { external_units: 400 })
  account.used = 450
  await wake()
  t.match([usages(), await rowOf(rig)], [2, { external_units: 450 }])
  await rig.office.marketplace.disable([])
  await wake()
  t.equal(usages(), 2, 'nothing while it is off sale')
  await rig.gateway.ground.admin.setEnabled('nansen', true, true)
  account.usage = 403
  await wake()
  await until('it is refused', () => usages() === 3)
  t.equal(alarms.length, 0, 'and not asked again')
})
