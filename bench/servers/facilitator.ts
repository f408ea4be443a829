/** A facilitator that answers at once, without looking: what is measured is the seller. Counts what it settled. */

import { createServer } from 'node:http'
import { PAYER } from './facilitator-payer.ts'
import { ready } from './ready.ts'

const kinds = [
  { x402Version: 2, scheme: 'exact', network: 'eip155:84532' },
  { x402Version: 1, scheme: 'exact', network: 'base-sepolia' },
]
const answers: Readonly<Record<string, string>> = {
  '/verify': JSON.stringify({ isValid: true, payer: PAYER }),
  '/settle': JSON.stringify({ success: true, transaction: `0x${'ab'.repeat(32)}`, network: 'eip155:84532', payer: PAYER }),
  '/supported': JSON.stringify({ kinds, extensions: [], signers: {} }),
}
let settled = 0

const server = createServer((request, response) => {
  if (request.url === '/settle') settled += 1
  request.resume()
  const body = request.url === '/settled' ? String(settled) : (answers[request.url ?? ''] ?? '{}')
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)])
  response.end(body)
})
ready(server)
