/** The whole gateway for a test: from a configuration in a temp folder to open ports, in this process, with the log in memory. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import { type Adapter, type Alarm, type CallRecord, type Clock, type EpochMs, type Log, type Plugin, usd } from '#contract'
import { formatComplaint } from '../../config/complaints.ts'
import { discover } from '../../config/discover.ts'
import { loadConfig } from '../../config/load.ts'
import { type Running, startDoors } from '../../gateway/doors/index.ts'
import type { Loading, Reloaded, Reloader } from '../../gateway/doors/reload/index.ts'
import { systemClock } from '../../gateway/ground/index.ts'
import { vaultLook } from '../../gateway/vault/index.ts'

/** What of a tap test is needed here. */
export interface Teardown {
  teardown(work: () => unknown): unknown
}

export interface Answer {
  readonly status: number
  /** Lower-case names; repeated ones joined with a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The body as JSON. @throws SyntaxError where it is none */
  readonly json: Record<string, unknown>
}

export interface Request {
  readonly headers?: Readonly<Record<string, string>>
  /** An object goes out as JSON, text as it is. */
  readonly body?: object | string
  readonly signal?: AbortSignal
}

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: object
}

interface KeyWish {
  readonly credits?: string
  readonly owner?: string
  readonly capPerDay?: string
  readonly capPerMonth?: string
  readonly expiresInMs?: number
}

export interface Rig extends Running {
  readonly folder: string
  readonly file: string
  readonly logged: readonly Logged[]
  /** `method path` on the public port, on kept-alive connections. */
  call(method: string, path: string, request?: Request): Promise<Answer>
  key(wish: KeyWish): Promise<{ id: string; key: string }>
  /** Records of calls that were not charged, oldest first. */
  records(): readonly CallRecord[]
  /** Writes another configuration and has it taken, or refused. */
  reload(config: object | string): Promise<Reloaded>
}

/** A configuration that sells the simulated Nansen, on free ports. JSON is YAML, so a test can vary it as an object. */
export const sandbox = (more: object = {}): object => ({
  listen: '127.0.0.1:0',
  admin: { listen: '127.0.0.1:0' },
  api_connections: [{ name: 'nansen', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed' }],
  ...more,
})

/** No limit of pace that a test could meet. */
export const OPEN_RATE = { 'rate-limit': { per_consumer: '1000000/second', burst: 1_000_000 } }

export const BALANCE = '/nansen/profiler/address/current-balance'
export const WALLET = { address: '0xd8da6bf26964af9d7eed9e03e53415d37aa96045', chain: 'ethereum' }
export const bearer = (key: string): { authorization: string } => ({ authorization: `Bearer ${key}` })

/** A clock that runs with the real one, ahead of it by as much as a test says. */
export class MovableClock implements Clock {
  aheadMs = 0

  nowMs(): EpochMs {
    return (systemClock.nowMs() + this.aheadMs) as EpochMs
  }

  monotonicNs(): number {
    return systemClock.monotonicNs() + this.aheadMs * 1e6
  }
}

export interface RigOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly clock?: Clock
  /** Wakes the gateway for what it asks of its own accord; without one it asks nothing. */
  readonly alarm?: Alarm
  /** A folder of an earlier gateway, to go on with its store. */
  readonly folder?: string
}

let found: Promise<[Map<string, Plugin>, Map<string, Adapter>]> | undefined
export const vocabulary = (): NonNullable<typeof found> => {
  found ??= Promise.all([
    discover<Plugin>(new URL('../../plugins/', import.meta.url), 'plugin'),
    discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter'),
  ])
  return found
}

/** A folder that goes with the test. */
export function temporaryFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function writeConfig(folder: string, config: object | string): string {
  const file = join(folder, 'gateway.config.yml')
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2))
  return file
}

/** Closed with the test, at the latest. @throws Error with the complaints where the configuration is not good */
export async function openGateway(t: Teardown, config: object | string, options: RigOptions = {}): Promise<Rig> {
  const folder = options.folder ?? temporaryFolder(t)
  const file = writeConfig(folder, config)
  const [plugins, adapters] = await vocabulary()
  const env = options.env ?? {}
  const loaded = await loadConfig({ file, env, plugins, adapters, vault: vaultLook(env) })
  if (loaded.config === undefined) throw new Error(loaded.problems.map(formatComplaint).join('\n'))
  const logged: Logged[] = []
  const load: Loading = ({ text, file: named = file }) =>
    loadConfig({ file: named, folder, env, plugins, adapters, vault: vaultLook(env), ...(text === undefined ? {} : { text }) })
  const running = await startDoors(loaded.config, loaded.secrets, logInto(logged), {
    ...{ env, load },
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.alarm === undefined ? {} : { alarm: options.alarm }),
  })
  const agent = new Agent({ connections: 64, pipelining: 1 })
  let closed: Promise<void> | undefined
  const close = (graceMs: number): Promise<void> => {
    closed ??= agent.destroy().then(() => running.close(graceMs))
    return closed
  }
  t.teardown(() => close(0))
  return {
    ...{ ...running, folder, file, logged, close },
    call: (method, path, request = {}) => ask(agent, running.publicUrl + path, method, request),
    key: (wish) => keyOf(running, wish),
    reload: (changed) => {
      writeConfig(folder, changed)
      return (running.reloader as Reloader).reload('a test')
    },
    records: () => readRecords(join(folder, 'data', 'calls.jsonl')),
  }
}

async function ask(dispatcher: Agent, url: string, method: string, { headers = {}, body, signal }: Request): Promise<Answer> {
  const json = typeof body === 'object' ? { 'content-type': 'application/json' } : {}
  const sent = body === undefined ? {} : { body: typeof body === 'object' ? JSON.stringify(body) : body }
  const response = await dispatcher.request({
    origin: new URL(url).origin,
    path: url.slice(new URL(url).origin.length),
    method: method as 'GET',
    headers: { ...json, ...headers },
    ...sent,
    ...(signal === undefined ? {} : { signal }),
  })
  const text = await response.body.text()
  const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
  return {
    status: response.statusCode,
    headers: Object.fromEntries(flat),
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>
    },
  }
}

async function keyOf({ office }: Running, { credits = '$0', owner, capPerDay, capPerMonth, expiresInMs }: KeyWish): Promise<{ id: string; key: string }> {
  return office.keys.create({
    credits: usd(credits),
    ...(owner === undefined ? {} : { owner }),
    ...(capPerDay === undefined ? {} : { capPerDay: usd(capPerDay) }),
    ...(capPerMonth === undefined ? {} : { capPerMonth: usd(capPerMonth) }),
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
  })
}

function readRecords(file: string): CallRecord[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as CallRecord)
}

function logInto(logged: Logged[]): Log {
  const at =
    (level: Logged['level']) =>
    (fields: object, message: string): void =>
      void logged.push({ level, message, fields })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Asks until it is so; for what no event tells. @throws Error after `withinMs` */
export async function until(what: string, so: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await so())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
