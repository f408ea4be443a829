/** Every operation is a tool of MCP: a tool call is a call like any other, whoever pays for it and however. */

import { Ajv } from 'ajv'
import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { monthOf } from '../../gateway/contract/index.ts'
import { signedPayload } from '../rig/client.ts'
import { BALANCE, bearer, OPEN_RATE, openGateway, type Rig, sandbox, type Teardown, WALLET } from '../rig/gateway.ts'
import { openMcp, type ToolAnswer } from '../rig/mcp.ts'

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
const PLUGINS = ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve']
const TOOL = 'nansen_profiler-address-current-balance'
const RELATED = 'nansen_profiler-address-related-wallets'

const open = (t: Teardown, more: object = {}): Promise<Rig> => openGateway(t, sandbox({ plugins: PLUGINS, ...more }))
const sold = async (rig: Rig): Promise<unknown> => ((await rig.office.report(monthOf(Date.now()), undefined)).total as { calls_sold: number }).calls_sold
const offerOf = ({ structured }: ToolAnswer) => structured as { x402Version: number; accepts: unknown[]; resource: { url: string } }

t.test('the tools are the operations of the catalogue, each with its price and a schema that its example fits; two more are free', async (t) => {
  const connections = ['nansen', 'kaito', 'arkham'].map((name) => ({ name, monthly_quota: 100_000, reserved: 0, resale_terms: 'agreement:test' }))
  const rig = await open(t, { api_connections: connections })
  const { key } = await rig.key({ credits: '$1000' })
  const mcp = await openMcp(t, rig.publicUrl, bearer(key))
  t.match(mcp.client.getServerVersion(), { name: 'atlas', version: /^\d+\.\d+\.\d+/ })
  const { tools } = await mcp.client.listTools()
  const catalog = await mcp.call('catalog')
  t.same(catalog.structured, (await rig.call('GET', '/catalog')).json, 'the catalogue is that of GET /catalog')
  t.same(JSON.parse(catalog.texts[0] ?? ''), catalog.structured)
  const { apis } = catalog.structured as { apis: { name: string; operations: Record<string, unknown>[] }[] }
  const operations = apis.flatMap(({ name, operations }) => operations.map((operation) => ({ ...(operation as unknown as Listed), api: name })))
  t.same(
    tools.map(({ name }) => name),
    ['catalog', 'balance', ...operations.map(({ api, id }) => `${api}_${id}`)],
  )
  t.ok(operations.length > 40)
  const ajv = new Ajv({ strict: false })
  for (const { id, price, units, example, method, path, ...more } of operations) {
    const tool = tools.find(({ _meta }) => _meta?.['atlas/path'] === path && _meta['atlas/method'] === method)
    const meta = { 'atlas/price': `$${price}`, 'atlas/units': units, 'atlas/sold-out': more.sold_out, 'atlas/needs-client-limit': more.needs_client_limit }
    t.match(tool?._meta, meta, id)
    t.match(tool?.description, `$${price} a call`)
    const filled = example.path.split('/').map(decodeURIComponent)
    const params = Object.fromEntries(path.split('/').flatMap((part, at) => (part.startsWith(':') ? [[part.slice(1), filled[at]]] : [])))
    const args = { ...params, ...example.query, ...(example.body ?? {}) }
    t.ok(
      ajv.validate({ ...tool?.inputSchema, properties: loosely(tool?.inputSchema.properties, Object.keys(example.query)) }, args),
      `${id}: ${ajv.errorsText()}`,
    )
    const answer = await mcp.call(tool?.name ?? '', args)
    t.notOk(answer.isError, `${id}: ${answer.texts[0]}`)
    t.match(answer.meta, { 'atlas/price': /^\$/, 'atlas/receipt': /^rc_/ })
  }
})

interface Listed {
  readonly id: string
  readonly price: string
  readonly units: number
  readonly method: string
  readonly path: string
  readonly sold_out: boolean
  readonly needs_client_limit: boolean
  readonly example: { readonly path: string; readonly query: Record<string, string>; readonly body: object | null }
}

/** Members of a query are text in an example, and values in a schema. */
const loosely = (properties: object = {}, names: readonly string[]): object => ({
  ...properties,
  ...Object.fromEntries(names.map((name) => [name, {}])),
})

t.test('a call with the credits of a key is charged once, by the same books, and its receipt can be fetched', async (t) => {
  const rig = await open(t)
  const { key } = await rig.key({ credits: '$1' })
  const mcp = await openMcp(t, rig.publicUrl, bearer(key))
  const over = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  const answer = await mcp.call(TOOL, WALLET)
  t.equal(answer.texts[0], over.text, "the provider's own bytes")
  t.match(answer, { isError: false, meta: { 'atlas/price': '$0.15', 'atlas/units': 1, 'atlas/receipt': /^rc_/, 'atlas/request-id': /./ } })
  t.notOk('x402/payment-response' in answer.meta)
  t.equal((await rig.call('GET', `/receipts/${answer.meta['atlas/receipt']}`)).status, 200)
  t.match((await mcp.call('balance')).structured, {
    balance: '0.70',
    entries: [{ kind: 'charge', amount: '-0.15', receipt: answer.meta['atlas/receipt'] }, {}, {}],
  })
  t.equal(await sold(rig), 2)
  const credited = await mcp.call(RELATED, WALLET)
  t.match(credited, { texts: [/data/, 'Powered by Nansen API'], meta: { 'atlas/attribution': 'Powered by Nansen API' } }, 'with the credit line')
})

t.test('an unpaid call is answered with the offer of x402, and the payment of it buys one call', async (t) => {
  const rig = await open(t)
  const mcp = await openMcp(t, rig.publicUrl)
  const unpaid = await mcp.call(TOOL, WALLET)
  t.ok(unpaid.isError)
  t.match(unpaid.structured, {
    x402Version: 2,
    error: /costs \$0\.15/,
    resource: { url: `mcp://tool/${TOOL}` },
    accepts: [{ scheme: 'exact', network: 'eip155:84532', amount: '150000' }],
  })
  t.same(JSON.parse(unpaid.texts[0] ?? ''), unpaid.structured, 'twice the same')
  t.match(unpaid.meta, { 'atlas/problem': { code: 'payment_required', status: 402 } })
  const payment = await signedPayload(offerOf(unpaid), generatePrivateKey())
  const paid = await mcp.call(TOOL, WALLET, { meta: { 'x402/payment': payment } })
  t.match(paid, {
    isError: false,
    texts: [/data/],
    meta: { 'x402/payment-response': { success: true, transaction: /^0x/, network: 'eip155:84532' }, 'atlas/price': '$0.15', 'atlas/receipt': /^rc_/ },
  })
  const again = await Promise.all(Array.from({ length: 10 }, () => mcp.call(TOOL, WALLET, { meta: { 'x402/payment': payment } })))
  for (const one of again) t.same([one.texts, one.meta['atlas/receipt'], one.meta['atlas/replayed']], [paid.texts, paid.meta['atlas/receipt'], true])
  const other = await mcp.call(RELATED, WALLET, { meta: { 'x402/payment': payment } })
  t.match(other, { isError: true, structured: { code: 'idempotency_conflict', status: 409 } })
  t.equal(await sold(rig), 1)
})

t.test('a payment that is not good is answered with a new offer, and is not used', async (t) => {
  const rig = await open(t)
  const mcp = await openMcp(t, rig.publicUrl)
  const offer = offerOf(await mcp.call(TOOL, WALLET))
  const forged = await signedPayload(offer, generatePrivateKey(), { domain: { name: 'other' } })
  t.match(await mcp.call(TOOL, WALLET, { meta: { 'x402/payment': forged } }), {
    isError: true,
    structured: { x402Version: 2, accepts: [{ amount: '150000' }], error: /not valid/ },
    meta: { 'atlas/problem': { code: 'payment_invalid' } },
  })
  for (const [payment, detail] of [
    ['text', /is no payment/],
    [{}, /payment header/],
    [{ x402Version: 2, pad: 'x'.repeat(20_000) }, /over 16384 bytes/],
  ] as const)
    t.match((await mcp.call(TOOL, WALLET, { meta: { 'x402/payment': payment } })).structured, { code: 'bad_request', detail })
  t.equal(await sold(rig), 0)
})

t.test('a call with a name is answered again under it, and a price above the limit is refused before anything happens', async (t) => {
  const rig = await open(t)
  const { key } = await rig.key({ credits: '$1' })
  const mcp = await openMcp(t, rig.publicUrl, bearer(key))
  const meta = { 'atlas/idempotency-key': 'order-0000000001' }
  const first = await mcp.call(TOOL, WALLET, { meta })
  const second = await mcp.call(TOOL, WALLET, { meta })
  t.same([second.texts, second.meta['atlas/receipt'], second.meta['atlas/replayed']], [first.texts, first.meta['atlas/receipt'], true])
  t.match((await mcp.call(TOOL, { ...WALLET, chain: 'base' }, { meta })).structured, { code: 'idempotency_conflict' })
  t.match((await mcp.call(TOOL, WALLET, { meta: { 'atlas/max-price': '$0.10' } })).meta, { 'atlas/problem': { code: 'price_above_max' } })
  t.match((await mcp.call(TOOL, WALLET, { meta: { 'atlas/max-price': 'much' } })).structured, { code: 'bad_request' })
  t.match((await mcp.call('balance')).structured, { balance: '0.85' })
})

t.test('a key that is not good is refused, an owner calls for nothing, and what is not for sale is open to the owner alone', async (t) => {
  const rig = await open(t, { api_connections: [{ name: 'nansen', monthly_quota: 100, reserved: 50 }] })
  const forbidden = 'nansen_smart-money-netflow'
  const wrong = await openMcp(t, rig.publicUrl, bearer(`atlas_${'0'.repeat(40)}`))
  t.match(await wrong.call(TOOL, WALLET), { isError: true, structured: { code: 'unauthenticated', status: 401 } })
  t.match((await wrong.call('balance')).structured, { code: 'unauthenticated' })
  const owner = await openMcp(t, rig.publicUrl, bearer((await rig.key({ owner: 'operator' })).key))
  t.match(await owner.call(TOOL, WALLET), { isError: false, meta: { 'atlas/price': undefined } })
  t.notOk((await owner.client.listTools()).tools.some(({ name }) => name === forbidden))
  t.match(await owner.call(forbidden, { chains: ['ethereum'] }), { isError: false, texts: [/net_flow/] })
  const { key } = await rig.key({ credits: '$5' })
  const consumer = await openMcp(t, rig.publicUrl, bearer(key))
  t.match((await consumer.call(forbidden, { chains: ['ethereum'] })).structured, { code: 'unknown_operation' })
  t.equal(await sold(rig), 0)
})
