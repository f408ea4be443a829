/** A bad answer reaches the owner of the connection that gave it, by his webhook and nobody else's, and keeps no consumer waiting. */
import t from 'tap'
import { BALANCE, bearer, openGateway, sandbox, until, WALLET } from '../rig/gateway.ts'
import { hang, startProvider, UPSTREAM } from '../rig/provider.ts'

t.test('a report is told to the owner once, with receipt and reason, without the consumer', async (t) => {
  const [alice, bob] = [await startProvider(t), await startProvider(t)]
  const selling = { monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed' }
  const connections = [
    { name: 'nansen', owner: 'alice', ...selling, notify: { webhook: `${alice.url}/hook` } },
    { name: 'nansen-2', adapter: 'nansen', owner: 'bob', ...selling, markup: '4x', notify: { webhook: bob.url } },
  ]
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, api_connections: connections }))
  const { id, key } = await rig.key({ credits: '$5' })
  const sold = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  const receipt = sold.headers['x-atlas-receipt'] ?? ''
  alice.next(hang)
  const report = () => rig.call('POST', `/receipts/${receipt}/report`, { body: { reason: 'the balance is of another wallet' } })
  t.match(await report(), { status: 200, json: { already: false } }, 'answered although the webhook is silent')
  t.match(await report(), { json: { already: true } })
  await alice.asked(1)
  const [first] = alice.seen
  t.match(first, { method: 'POST', url: '/hook' })
  t.match(JSON.parse(first?.body ?? ''), { kind: 'bad-answer', owner: 'alice', connection: 'nansen', detail: /another wallet/, at: /^\d{4}-/, id: /^nt_/ })
  t.ok(first?.body.includes(receipt))
  for (const secret of [id, key]) t.notOk(first?.body.includes(secret), 'who reports is not told')
  t.match(await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET }), { status: 200 }, 'and calls go on')
  const other = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  await rig.call('POST', `/receipts/${other.headers['x-atlas-receipt']}/report`, { body: { reason: 'empty' } })
  await until('the log has both', () => rig.logged.filter(({ fields }) => (fields as { kind?: string }).kind === 'bad-answer').length === 2)
  t.equal(bob.seen.length, 0)
})

t.test('the status shows how calls of each connection went, and what its owner should know', async (t) => {
  const rig = await openGateway(t, sandbox({ api_connections: [{ name: 'nansen', monthly_quota: 10_000, reserved: 0, markup: '5x' }] }))
  const { key } = await rig.key({ credits: '$5' })
  const row = async (): Promise<Record<string, unknown>> => (await rig.office.marketplace.status()).connections[0] as Record<string, unknown>
  t.match(await row(), { success_rate: null, latency_ms: null, external_units: 0, drift_percent: 0 })
  for (let call = 0; call < 3; call += 1) await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  t.match(await row(), { success_rate: 1, latency_ms: Number })
  const { warnings } = await row()
  t.match(warnings, [
    /^reserved 0 keeps nothing of nansen for operator's own calls/,
    /^markup 5x of nansen is over 4x/,
    /operations of nansen are not sold by the terms of Nansen/,
    /^nansen asks more than Nansen itself asks by the call: .*\$0\.25 against \$0\.01/,
  ])
})
