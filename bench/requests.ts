/** What is asked of every server: one POST with a small JSON body, with a key or with a payment. */

import { PAYER } from './servers/facilitator-payer.ts'

export const PATH = '/nansen/profiler/address/current-balance'
export const BODY = JSON.stringify({ address: '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045', chain: 'ethereum' })
const NONCE = '%%%%%%%%%%%%'

const headOf = (port: number): string[] => [
  `POST ${PATH} HTTP/1.1`,
  `Host: 127.0.0.1:${port}`,
  'Accept: application/json',
  'Content-Type: application/json',
  `Content-Length: ${BODY.length}`,
]

export const keyRequest = (port: number, key: string): string => [...headOf(port), `Authorization: Bearer ${key}`, '', BODY].join('\r\n')

export interface PaidRequest {
  readonly requests: readonly [string]
  /** Where the twelve bytes stand that are another number in each request. */
  readonly uniqueAt: number
  readonly connections: number
}

/** One wallet pays, and a consumer has 50 calls at once by default. */
const PAID_CONNECTIONS = 32

/** What the official client would send for this server's offer; the signature is not looked at, the nonce is another one each time. */
export async function paidRequest(port: number): Promise<PaidRequest> {
  const headers = { 'content-type': 'application/json' }
  const quote = await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'POST', headers, body: BODY })
  const offer = JSON.parse(Buffer.from(quote.headers.get('payment-required') ?? '', 'base64').toString('utf8')) as {
    resource: object
    accepts: { amount: string; payTo: string }[]
  }
  const accepted = offer.accepts[0] as { amount: string; payTo: string }
  const until = String(Math.floor(Date.now() / 1000) + 3_600)
  const authorization = { from: PAYER, to: accepted.payTo, value: accepted.amount, validAfter: '0', validBefore: until, nonce: `0x${'0'.repeat(52)}${NONCE}` }
  const payment = { x402Version: 2, payload: { signature: `0x${'11'.repeat(64)}1b`, authorization }, resource: offer.resource, accepted }
  const text = aligned(JSON.stringify(payment))
  const before = [...headOf(port), 'PAYMENT-SIGNATURE: '].join('\r\n')
  const encoded = Buffer.from(text, 'latin1').toString('base64')
  return { requests: [`${before}${encoded}\r\n\r\n${BODY}`], uniqueAt: before.length + (text.indexOf(NONCE) / 3) * 4, connections: PAID_CONNECTIONS }
}

/** Three bytes are four of base64: with spaces in front the number stands on whole ones. */
function aligned(json: string): string {
  let text = json
  while (text.indexOf(NONCE) % 3 !== 0) text = ` ${text}`
  return text
}
