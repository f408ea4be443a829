/** What is for sale, for programs and agents: documents that say the same, that others can read, and that hold what they promise. */

import { Validator } from '@seriousme/openapi-schema-validator'
import openapiTS, { astToString } from 'openapi-typescript'
import t, { type Test } from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { monthOf } from '../../gateway/contract/index.ts'
import { payingFetch } from '../rig/client.ts'
import { bearer, OPEN_RATE, openGateway, type Rig, sandbox, type Teardown } from '../rig/gateway.ts'
import { openMcp } from '../rig/mcp.ts'
import { customConnection, startProvider, UPSTREAM } from '../rig/provider.ts'
import { projectFolder, runTypeScript, typeFaults } from '../rig/snippet.ts'

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
const PLUGINS = ['auth', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve']
const ALL = ['nansen', 'kaito', 'arkham'].map((name) => ({ name, monthly_quota: 10_000, reserved: 0, resale_terms: 'agreement:test' }))
const open = (t: Teardown, more: object = {}): Promise<Rig> => openGateway(t, sandbox({ api_connections: ALL, plugins: PLUGINS, ...more }))

type Operation = Record<string, unknown>
const get = async (rig: Rig, path: string) => (await rig.call('GET', path)).json
const openApi = async (rig: Rig) => (await get(rig, '/openapi.json')) as { openapi: string; servers: unknown; paths: Record<string, Record<string, Operation>> }
interface Listed extends Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly price: string
  readonly units: number
  readonly sold_out: boolean
  readonly needs_client_limit: boolean
}
const listed = async (rig: Rig) => ((await get(rig, '/catalog')) as { apis: { name: string; operations: Listed[] }[] }).apis
const sold = async (rig: Rig) => ((await rig.office.report(monthOf(Date.now()), undefined)).total as { calls_sold: number }).calls_sold
const templated = (path: string): string => path.replace(/:([A-Za-z_]\w*)/g, '{$1}')

async function isValid(t: Pick<Test, 'ok'>, document: Readonly<Record<string, unknown>>): Promise<void> {
  const validator = new Validator()
  const { valid, errors } = await validator.validate({ ...document })
  t.ok(valid, JSON.stringify(errors ?? ''))
  t.ok(validator.version === '3.1')
}

t.test('openapi.json is valid OpenAPI 3.1 and has every operation of the catalogue, with price and units', async (t) => {
  const rig = await open(t)
  const document = await openApi(rig)
  await isValid(t, document)
  t.same(document.servers, [{ url: rig.publicUrl }])
  for (const { name, operations } of await listed(rig))
    for (const { id, path, method, price, units, sold_out, needs_client_limit } of operations) {
      const found = document.paths[templated(path)]?.[method.toLowerCase()]
      const said = { operationId: `${name}_${id}`, 'x-atlas-price': price, 'x-atlas-units': units, 'x-atlas-sold-out': sold_out }
      t.match(found, { ...said, 'x-atlas-needs-client-limit': needs_client_limit, 'x-payment-info': { protocols: ['x402'] } }, id)
    }
  const own = Object.keys(document.paths).filter((path) => !/^\/(nansen|kaito|arkham)\//.test(path))
  t.same(own, ['/catalog', '/credits', '/credits/key', '/receipts/{id}'])
})

t.test('operations that take anything, any method and any path, and paths that differ by names alone, are valid too', async (t) => {
  const provider = await startProvider(t)
  const operations = [
    { id: 'a', method: 'GET', path: '/x/:first', resale: 'allowed' },
    { id: 'b', method: 'POST', path: '/x/:second', body: { first: { type: 'string' }, b: {} }, required: ['b'], resale: 'allowed' },
    { id: 'any.thing', method: 'ANY', path: '/any/**', resale: 'allowed' },
    { id: 'any_thing', method: 'PUT', path: '/put', query: { n: { type: 'integer' } }, resale: 'allowed' },
  ]
  const rig = await open(t, { api_connections: [customConnection(provider.url, { operations, prices: {} })], upstream: UPSTREAM })
  const document = await openApi(rig)
  await isValid(t, document)
  t.match(document.paths, {
    '/acme/x/{first}': {
      get: { operationId: 'acme_a' },
      post: {
        ...{ operationId: 'acme_b', parameters: [{ name: 'first', in: 'path' }] },
        requestBody: { required: true, content: { 'application/json': { schema: { required: ['b'], additionalProperties: false } } } },
      },
    },
    '/acme/any/{path}': { get: { 'x-atlas-any-path': true }, delete: {}, options: {} },
  })
  const ids = Object.values(document.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId))
  t.equal(new Set(ids).size, ids.length, 'no two have one id')
  const { tools } = await (await openMcp(t, rig.publicUrl)).client.listTools()
  t.ok(tools.every(({ name }) => /^[A-Za-z0-9_-]{1,64}$/.test(name)))
  t.match(tools.find(({ _meta }) => _meta?.['atlas/path'] === '/acme/x/:second')?.inputSchema.properties, {
    second: { type: 'string', minLength: 1 },
    first: { type: 'string' },
    b: {},
  })
})

t.test('a client generated from openapi.json, and checked by the compiler, makes a paid call', async (t) => {
  const rig = await open(t)
  const types = astToString(await openapiTS(new URL(`${rig.publicUrl}/openapi.json`)))
  const folder = projectFolder(t)
  const client = `
import createClient from 'openapi-fetch'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import { registerExactEvmScheme } from '@x402/evm/exact/client'
import { privateKeyToAccount } from 'viem/accounts'
import type { paths } from './types.js'
const wallet = new x402Client()
registerExactEvmScheme(wallet, { signer: privateKeyToAccount(process.env.PRIVATE_KEY as \`0x\${string}\`) })
const api = createClient<paths>({ baseUrl: ${JSON.stringify(rig.publicUrl)}, fetch: wrapFetchWithPayment(fetch, wallet) as typeof fetch })
const { data, response } = await api.POST('/nansen/profiler/address/current-balance', {
  params: { header: { 'Idempotency-Key': crypto.randomUUID() } },
  body: { address: '0xd8da6bf26964af9d7eed9e03e53415d37aa96045', chain: 'ethereum' },
})
const entity = await api.GET('/arkham/intelligence/address/{address}', { params: { path: { address: '0x28C6c06298d514Db089934071355E5743bf21d60' } } })
console.log(JSON.stringify({ data, status: response.status, price: response.headers.get('x-atlas-price'), other: entity.response.status }))
`
  const wrong = client.replace("chain: 'ethereum'", 'chain: 1').replace('/arkham/intelligence/address/{address}', '/arkham/none')
  const faults = typeFaults(folder, { 'types.d.ts': types, 'client.ts': client, 'wrong.ts': wrong })
  t.same(
    faults.filter((fault) => !fault.includes('wrong.ts')),
    [],
  )
  t.match(faults.join('\n'), /number.*string[\s\S]*\/arkham\/none/, 'a wrong call does not compile')
  const { stdout, stderr } = await runTypeScript(folder, client, { PRIVATE_KEY: generatePrivateKey() })
  t.match(JSON.parse(stdout === '' ? `{"failed":${JSON.stringify(stderr)}}` : stdout), { data: { data: [{}] }, status: 200, price: '$0.15', other: 200 })
  t.equal(await sold(rig), 2)
})

t.test('a program that knows llms.txt alone finds a call, and pays for it', async (t) => {
  const rig = await open(t)
  const { text, headers } = await rig.call('GET', '/llms.txt')
  t.equal(headers['content-type'], 'text/plain; charset=utf-8')
  t.match(text, /^# atlas\n\n> /)
  // What the text says of its lines: method, URL and price; below it the body.
  const calls = [...text.matchAll(/^- ([A-Z]+) (\S+) costs \$([\d.]+) .*(?:\n {2}Body: (.*))?/gm)]
  const all = (await listed(rig)).flatMap(({ operations }) => operations)
  t.same(
    calls.map(([, method, , price]) => `${method} ${price}`),
    all.map(({ method, price }) => `${method} ${price}`),
  )
  const pay = payingFetch({ privateKey: generatePrivateKey() })
  for (const [, method = '', url = '', price, body] of calls.filter((_, at) => at % 9 === 0)) {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await pay(url, { method, headers: { 'idempotency-key': crypto.randomUUID(), ...type }, ...(body === undefined ? {} : { body }) })
    t.equal(answer.status, 200, url)
    t.ok(Number(answer.headers.get('x-atlas-price')?.slice(1)) <= Number(price))
  }
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(text) ?? []
  const { stdout } = await runTypeScript(projectFolder(t), code, { PRIVATE_KEY: generatePrivateKey() })
  t.match(stdout, /^200 \$/, 'and the program that stands in it works as it stands')
})

t.test('/.well-known/x402 names what x402 buys, and each URL of it is answered 402 with an offer', async (t) => {
  const rig = await open(t)
  const document = (await get(rig, '/.well-known/x402')) as { resources: string[] }
  t.match(document, { x402Version: 2, version: 1, kind: 'resource-server', name: 'atlas', docs: `${rig.publicUrl}/` })
  const { apis } = (await get(rig, '/catalog')) as { apis: { operations: { method: string; example: { path: string; body: object | null } }[] }[] }
  const bodies = new Map(
    apis.flatMap(({ operations }) => operations.map(({ example, method }) => [rig.publicUrl + example.path, { method, body: example.body }])),
  )
  t.ok(document.resources.length >= bodies.size)
  for (const url of document.resources) {
    const { pathname, search } = new URL(url)
    const { method, body } = bodies.get(`${rig.publicUrl}${pathname}`) ?? { method: 'GET', body: null }
    const answer = await rig.call(method, pathname + search, body === null ? {} : { body })
    t.equal(answer.status, 402, url)
    t.ok(answer.headers['payment-required'])
  }
  const unpaid = await open(t, { plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] })
  t.same((await get(unpaid, '/.well-known/x402')).resources, [], 'nothing where only credits are taken')
  t.notMatch((await unpaid.call('GET', '/llms.txt')).text, /@x402\/fetch/)
  await isValid(t, await openApi(unpaid))
})

t.test('prices and what is left are those of now in each of them: sold out is told as soon as it is', async (t) => {
  const prices = { 'profiler-address-related-wallets': '$2' }
  const connection = { name: 'nansen', monthly_quota: 3, reserved: 1, base_cost: '$0.05', resale_terms: 'confirmed', prices }
  const rig = await open(t, { api_connections: [connection] })
  const { key } = await rig.key({ credits: '$10' })
  const mcp = await openMcp(t, rig.publicUrl, bearer(key))
  const balance = '/nansen/profiler/address/current-balance'
  const states = async () => {
    const operations = (await listed(rig)).flatMap((api) => api.operations)
    const tool = (await mcp.client.listTools()).tools.find(({ name }) => name === 'nansen_profiler-address-current-balance')
    const line = new RegExp(`${balance} costs .*`).exec((await rig.call('GET', '/llms.txt')).text)?.[0] ?? ''
    const page = (await rig.call('GET', '/catalog/nansen/profiler-address-current-balance', { headers: { accept: 'text/html' } })).text
    return [
      operations.find(({ path }) => path === balance)?.sold_out,
      (await openApi(rig)).paths[balance]?.post?.['x-atlas-sold-out'],
      tool?._meta?.['atlas/sold-out'],
      /Sold out/.test(tool?.description ?? ''),
      /SOLD OUT/.test(line),
      /sold out/.test(page),
    ]
  }
  for (let left = 2; left > 0; left -= 1) {
    t.match(await rig.call('GET', '/'), { text: new RegExp(`${left} units left`) })
    t.match((await rig.call('GET', '/llms.txt')).text, `${left} units left`)
    t.same(await states(), Array(6).fill(false), `${left} left`)
    t.equal(
      (await mcp.call('nansen_profiler-address-current-balance', { address: '0xd8da6bf26964af9d7eed9e03e53415d37aa96045', chain: 'ethereum' })).isError,
      false,
    )
  }
  t.same(await states(), Array(6).fill(true))
  const dear = '/nansen/profiler/address/related-wallets'
  t.match((await openApi(rig)).paths[dear]?.post, { 'x-atlas-needs-client-limit': true, 'x-atlas-price': '2.00' })
  t.match((await rig.call('GET', '/llms.txt')).text, /related-wallets costs \$2\.00 .*Above the client's limit of \$1/)
  for (const path of ['/', '/catalog/nansen/profiler-address-related-wallets'])
    t.match((await rig.call('GET', path)).text, /raise the limit of your client|setSpendControls/, `${path} says it, and shows the setting`)
})
