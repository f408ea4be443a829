/**
 * Paid calls against the official server: the same facilitator, which answers at once, the same client, interleaved rounds.
 * The gateway's intents and outcomes are on disk before an answer leaves, and its books have to name exactly what was paid.
 */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Case, PATH, startUpstream } from './cases.ts'
import { startGateway } from './gateway-case.ts'
import type { Order, Result } from './load.ts'
import { answer, cpuMicros, root, start, stop } from './process.ts'
import { PAYER } from './servers/facilitator-payer.ts'
import { type Round, table } from './table.ts'

const CONNECTIONS = 32
const BODY = JSON.stringify({ address: '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045', chain: 'ethereum' })
const NONCE = '%%%%%%%%%%%%'
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' }, only: { type: 'string' } } })
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
const only = values.only?.split(',')

const peers = join(root, 'bench/peers')
const upstream = await startUpstream()
const facilitator = start('./servers/facilitator.js')
const { port: facilitatorPort } = await answer<{ port: number }>(facilitator)
const client = start('./load.js')
let orders = 0

interface Paid {
  readonly item: Case
  readonly request: string
  readonly uniqueAt: number
  readonly rounds: Round[]
  answered: number
  readonly wrong: Map<string, number>
  head: string
}

const cases: readonly Paid[] = await Promise.all(
  (await startCases()).map(async (item) => ({ item, ...(await paidRequest(item)), rounds: [], answered: 0, wrong: new Map(), head: '' })),
)
for (const one of cases) await load(one, Math.min(6, 2 * seconds))
for (let round = 0; round < rounds; round++) {
  const first = round % Math.max(1, cases.length)
  for (const one of [...cases.slice(first), ...cases.slice(0, first)]) one.rounds.push(await load(one, seconds))
}
console.log(`Node ${process.version}, ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s, medians\n`)
console.log(
  table(
    cases.map((one) => ({ name: one.item.name, rounds: one.rounds })),
    ['x402-express', 'x402-express + upstream'],
  ),
)
let failed = false
for (const { item, answered, wrong, head } of cases) {
  if (wrong.size > 0) console.log(`FAILED ${item.name}: ${[...wrong].map(([status, count]) => `${count} × ${status}`).join(', ')}`)
  const books = await item.check?.(answered, head)
  if (books !== undefined) console.log(books.line)
  failed ||= wrong.size > 0 || books?.ok === false
}
for (const { item } of cases) await item.stop()
client.disconnect()
await stop(facilitator)
await stop(upstream.child)
process.exitCode = failed ? 1 : 0

async function startCases(): Promise<readonly Case[]> {
  const found: Case[] = []
  const wanted = (name: string): boolean => only === undefined || only.includes(name)
  if (wanted('x402-express') && installed()) {
    for (const [name, port] of [
      ['x402-express', 0],
      ['x402-express + upstream', upstream.port],
    ] as const) {
      const child = start('./servers/x402-express.js', [String(facilitatorPort), String(port)])
      const { port: listens } = await answer<{ port: number }>(child)
      found.push({ name, port: listens, pid: child.pid as number, keys: [], stop: () => stop(child) })
    }
  }
  if (wanted('gateway')) {
    const gateway = await startGateway(upstream.port, { name: 'gateway', facilitator: `http://127.0.0.1:${facilitatorPort}`, keys: 0 })
    if ('skipped' in gateway) throw new Error(gateway.skipped)
    found.push(gateway)
  }
  return found
}

/** Peers have a lock file of their own; without a registry they are left out, and that is said. */
function installed(): boolean {
  if (existsSync(join(peers, 'node_modules/@x402/express'))) return true
  try {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: peers, stdio: 'ignore' })
    return true
  } catch {
    console.log('x402-express: SKIPPED, npm ci in bench/peers failed')
    return false
  }
}

/** What the official client would send for this server's offer; the signature is not looked at, the nonce is another one each time. */
async function paidRequest({ port }: Case): Promise<{ request: string; uniqueAt: number }> {
  const headers = { 'content-type': 'application/json' }
  const quote = await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'POST', headers, body: BODY })
  const offer = JSON.parse(Buffer.from(quote.headers.get('payment-required') ?? '', 'base64').toString('utf8')) as {
    resource: object
    accepts: { amount: string; payTo: string }[]
    extensions?: object
  }
  const accepted = offer.accepts[0] as { amount: string; payTo: string }
  const until = String(Math.floor(Date.now() / 1000) + 3_600)
  const authorization = { from: PAYER, to: accepted.payTo, value: accepted.amount, validAfter: '0', validBefore: until, nonce: `0x${'0'.repeat(52)}${NONCE}` }
  const payment = { x402Version: 2, payload: { signature: `0x${'11'.repeat(64)}1b`, authorization }, resource: offer.resource, accepted }
  const text = aligned(JSON.stringify(payment))
  const encoded = Buffer.from(text, 'latin1').toString('base64')
  const head = [
    `POST ${PATH} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Accept: application/json',
    'Content-Type: application/json',
    `Content-Length: ${BODY.length}`,
    'PAYMENT-SIGNATURE: ',
  ]
  const before = head.join('\r\n')
  return { request: `${before}${encoded}\r\n\r\n${BODY}`, uniqueAt: before.length + (text.indexOf(NONCE) / 3) * 4 }
}

/** Three bytes are four of base64: with spaces in front the number stands on whole ones. */
function aligned(json: string): string {
  let text = json
  while (text.indexOf(NONCE) % 3 !== 0) text = ` ${text}`
  return text
}

async function load(one: Paid, forSeconds: number): Promise<Round> {
  const { item, request, uniqueAt } = one
  const order: Order = { id: ++orders, port: item.port, connections: CONNECTIONS, seconds: forSeconds, requests: [request], uniqueAt }
  const before = cpuMicros(item.pid)
  client.send(order)
  const result = await answer<Result>(client)
  const after = cpuMicros(item.pid)
  let answers = 0
  for (const [status, count] of Object.entries(result.statuses)) {
    answers += count
    if (status === '200') one.answered += count
    else one.wrong.set(status, (one.wrong.get(status) ?? 0) + count)
  }
  one.head = result.head
  return {
    perSecond: result.inTime / result.elapsedSeconds,
    cpuMicros: before === undefined || after === undefined ? undefined : (after - before) / answers,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
  }
}
