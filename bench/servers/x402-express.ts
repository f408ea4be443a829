/** The official server: @x402/express in front of one route, which answers by itself or asks the upstream. Arguments: facilitator, upstream or 0. */

import { createServer } from 'node:http'
import { Pool } from 'undici'
import { peer } from './peer.ts'
import { ready } from './ready.ts'

const [{ default: express }, { paymentMiddleware, x402ResourceServer }, { HTTPFacilitatorClient }, { ExactEvmScheme }] = await Promise.all([
  peer('express'),
  peer('@x402/express'),
  peer('@x402/core/server'),
  peer('@x402/evm/exact/server'),
])

const [facilitator, upstream] = process.argv.slice(2).map(Number)
const pool = upstream === 0 ? undefined : new Pool(`http://127.0.0.1:${upstream}`, { connections: 128, pipelining: 1 })
const row = { chain: 'ethereum', token_symbol: 'BENCH', token_amount: 1.5, price_usd: 2, value_usd: 3 }
const body = JSON.stringify({ data: Array.from({ length: 9 }, () => row), padding: 'x'.repeat(250) })

const resources = new x402ResourceServer(new HTTPFacilitatorClient({ url: `http://127.0.0.1:${facilitator}` })).register('eip155:84532', new ExactEvmScheme())
const accepts = { scheme: 'exact', network: 'eip155:84532', payTo: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C', price: '$0.15', maxTimeoutSeconds: 90 }
const app = express()
app.use(paymentMiddleware({ 'POST /nansen/profiler/address/current-balance': { accepts, description: 'x', mimeType: 'application/json' } }, resources))
app.post('/nansen/profiler/address/current-balance', async (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => {
  if (pool === undefined) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const answer = await pool.request({ path: request.url ?? '/', method: 'POST', headers: { 'content-type': 'application/json' }, body: Buffer.concat(chunks) })
  response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(Buffer.from(await answer.body.arrayBuffer()))
})
ready(createServer(app as never))
