/** The provider of the benchmark: answers every request with the same 1 KB of JSON. */

import { createServer } from 'node:http'
import { ready } from './ready.ts'

const row = { chain: 'ethereum', token_symbol: 'BENCH', token_amount: 1.5, price_usd: 2, value_usd: 3 }
const frame = { pagination: { page: 1, per_page: 10, is_last_page: true }, data: Array.from({ length: 9 }, () => row), padding: '' }
const body = Buffer.from(JSON.stringify({ ...frame, padding: 'x'.repeat(Math.max(0, 1024 - JSON.stringify(frame).length)) }))
const headers = ['Content-Type', 'application/json', 'Content-Length', String(body.length)]

const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, headers)
  response.end(body)
})
ready(server)
