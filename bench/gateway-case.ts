/** This gateway with its whole chain on, in a temporary folder; afterwards its books have to name exactly what was answered. */

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Case, Started } from './cases.ts'
import { freePort, root, startCommand, stop } from './process.ts'

const ATLAS = join(root, 'gateway/atlas.mjs')
const KEYS = 16
const READY_MS = 20_000
const run = promisify(execFile)

const configuration = (upstreamPort: number, facilitator: string): string => `mode: sandbox
store: { driver: embedded, path: ./data }
ledger: { driver: embedded, path: ./data }
api_connections:
  - name: nansen
    base_url: http://127.0.0.1:${upstreamPort}
    api_key: bench-credential
    monthly_quota: 1000000000
    reserved: 0
    base_cost: $0.000001
    markup: 3x
    subscription_cost: $500
    resale_terms: agreement:bench
plugins:
  - auth
  - abuse-detect
  - rate-limit: { per_consumer: 100000000/minute, burst: 1000000 }
  - markup-billing: { platform_share: 10%, platform_share_of: revenue }
  - x402-payment: { network: base-sepolia, facilitator: "${facilitator}", pay_to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C" }
  - quota-reserve
upstream: { allow_private: true, timeout: 30s, buffer: 256KiB }
limits: { connections: 20000, connections_per_address: 20000, concurrent_per_consumer: 1000 }
`

interface Atlas {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Runs a command that answers JSON. */
  json(...args: string[]): Promise<unknown>
}

function atlasIn(folder: string, ports: { public: number; admin: number }): Atlas {
  const env = { ...process.env, PORT: String(ports.public), ADMIN_PORT: String(ports.admin) }
  const json = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await run(process.execPath, [ATLAS, ...args, '--json', '--config', join(folder, 'gateway.config.yml')], { env, cwd: root })
    return JSON.parse(stdout)
  }
  return { folder, env, json }
}

export interface Variant {
  readonly name: string
  /** A module that the gateway loads first. */
  readonly preload?: string
  readonly facilitator?: string
  /** Keys with credit; none where payments pay. */
  readonly keys?: number
}

export async function startGateway(upstreamPort: number, { name, preload, facilitator = 'sandbox', keys: count = KEYS }: Variant): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'gateway.config.yml'), configuration(upstreamPort, facilitator))
  const port = await freePort()
  const atlas = atlasIn(folder, { public: port, admin: await freePort() })
  const loaded = preload === undefined ? {} : { NODE_OPTIONS: `--import=${new URL(preload, import.meta.url).href}` }
  const child = startCommand([ATLAS, 'start', '--config', join(folder, 'gateway.config.yml')], { ...atlas.env, ...loaded })
  let said = ''
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-2_000)
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  try {
    await healthy(port, () => child.exitCode !== null)
    const keys = await Promise.all(Array.from({ length: count }, () => createKey(atlas)))
    return { name, port, pid: child.pid as number, keys, check: (answered, head) => checkBooks(atlas, answered, head), stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    return { name, skipped: `${error instanceof Error ? error.message : error}; it said: ${gist(said)}` }
  }
}

/** The lines of an output that name the trouble. */
function gist(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.filter((line) => /error|cannot|config\.yml:|^atlas/i.test(line))
  return (telling.length > 0 ? telling : lines).slice(0, 3).join(' | ') || 'nothing'
}

async function healthy(port: number, gone: () => boolean): Promise<void> {
  const untilMs = performance.now() + READY_MS
  while (performance.now() < untilMs) {
    if (gone()) throw new Error('the gateway ended before it was ready')
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined)
    if (answer?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the gateway did not answer GET /healthz within ${READY_MS / 1000} s`)
}

async function createKey(atlas: Atlas): Promise<string> {
  const { key } = (await atlas.json('key', 'create', '--credits', '$100000')) as { key?: unknown }
  if (typeof key !== 'string') throw new Error('atlas key create --json showed no key')
  return key
}

interface Sums {
  readonly name?: string
  readonly calls_sold: number
  readonly revenue: string
  readonly owner_share: string
  readonly platform_share: string
}

const micros = (text: string): bigint => {
  const [whole = '0', places = ''] = text.split('.')
  return BigInt(`${whole}${places.padEnd(6, '0')}`)
}

/** Every answered call is sold once at the price that its answer named, and the shares add up to the revenue. */
async function checkBooks(atlas: Atlas, answered: number, head: string): ReturnType<NonNullable<Case['check']>> {
  const { connections } = (await atlas.json('report')) as { connections: readonly Sums[] }
  const row = connections.find(({ name }) => name === 'nansen')
  const price = /\r\nx-atlas-price: *\$([\d.]+)/i.exec(head)?.[1]
  if (row === undefined || price === undefined) return { ok: false, line: 'books: the report has no row nansen, or the last answer named no price' }
  const exact =
    row.calls_sold === answered &&
    micros(row.revenue) === micros(price) * BigInt(answered) &&
    micros(row.owner_share) + micros(row.platform_share) === micros(row.revenue)
  const line = `books: ${answered} answered at $${price}, ${row.calls_sold} sold, revenue $${row.revenue} = owner $${row.owner_share} + platform $${row.platform_share}`
  return { ok: exact, line: `${line}: ${exact ? 'exact' : 'WRONG'}` }
}
