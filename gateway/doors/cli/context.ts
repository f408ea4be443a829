/** What every command shares: the loaded configuration, the way to a running gateway or to its store, and how to fail. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Adapter, Log, Plugin } from '#contract'
import { type Complaint, formatComplaint } from '../../../config/complaints.ts'
import { discover } from '../../../config/discover.ts'
import { type Loaded, loadConfig } from '../../../config/load.ts'
import type { GatewayConfig } from '../../../config/model.ts'
import { openGround } from '../../gateway.ts'
import { Office, OfficeError } from '../../office/index.ts'
import { actions } from '../admin.ts'

/** Ends the command with a sentence on stderr and this exit status. */
export class Failure extends Error {
  override name = 'Failure'
  readonly exitStatus: 1 | 2

  constructor(message: string, exitStatus: 1 | 2 = 1) {
    super(message)
    this.exitStatus = exitStatus
  }
}

export const quietLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

const DEFAULT_FILE = 'gateway.config.yml'

export async function load(file: string | undefined): Promise<Loaded> {
  const here = import.meta.url
  const [plugins, adapters] = await Promise.all([
    discover<Plugin>(new URL('../../../plugins/', here), 'plugin'),
    discover<Adapter>(new URL('../../../adapters/', here), 'adapter'),
  ])
  return loadConfig({ file: file ?? DEFAULT_FILE, env: process.env, adapters, plugins, overrides: portsFrom(process.env) })
}

function portsFrom(env: NodeJS.ProcessEnv): { port?: number; adminPort?: number } {
  const read = (name: string): number | undefined => {
    const value = env[name]
    if (value === undefined || value === '') return undefined
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new Failure(`${name}=${value} is no port; expected 0 to 65535`)
    return Number(value)
  }
  const port = read('PORT')
  const adminPort = read('ADMIN_PORT')
  return { ...(port === undefined ? {} : { port }), ...(adminPort === undefined ? {} : { adminPort }) }
}

/** A configuration without problems; each problem is printed, one a line, else. */
export async function loadGood(
  file: string | undefined,
): Promise<{ config: GatewayConfig; secrets: ReadonlyMap<string, string>; warnings: readonly Complaint[] }> {
  const { config, secrets, problems, warnings } = await load(file)
  if (config === undefined) throw new Failure(problems.map(formatComplaint).join('\n'))
  return { config, secrets, warnings }
}

export interface Answered {
  readonly value: unknown
  /** Said on stderr: who answered. */
  readonly by: string
}

/** Asks the running gateway, or the store itself where none runs. */
export async function ask(file: string | undefined, method: 'GET' | 'POST', path: string, body: Readonly<Record<string, unknown>> = {}): Promise<Answered> {
  const { config } = await loadGood(file)
  const running = await askRunning(config, method, path, body)
  if (running !== undefined) return running
  // A store is made by the first start, or by the first command that has something to write; looking makes none.
  if (method === 'GET' && !existsSync(resolve(config.store.path, 'journal.log')))
    return { value: await onNothing(config, path, body), by: `no gateway runs at ${urlOf(config)}, and there is no store at ${config.store.path} yet` }
  return { value: await onGround(config, method, path, body), by: `no gateway runs at ${urlOf(config)}; the store at ${config.store.path} answered` }
}

const urlOf = ({ admin }: GatewayConfig): string => `http://${admin.host.includes(':') ? `[${admin.host}]` : admin.host}:${admin.port}`

async function askRunning(config: GatewayConfig, method: 'GET' | 'POST', path: string, body: Readonly<Record<string, unknown>>): Promise<Answered | undefined> {
  const base = urlOf(config).replace(/^http:\/\/0\.0\.0\.0:/, 'http://127.0.0.1:')
  const headers: Record<string, string> = config.admin.token === undefined ? {} : { authorization: `Bearer ${config.admin.token}` }
  const about = await fetch(`${base}/api/about`, { headers, signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
  if (about === undefined) return undefined
  const said = (await about.json().catch(() => ({}))) as { product?: string; store?: string; error?: string }
  if (about.status === 401) throw new Failure(`the gateway at ${base} refuses the admin token of this configuration`)
  if (said.product !== 'atlas' || said.store !== config.store.path) return undefined
  const query = method === 'GET' ? `?${new URLSearchParams(Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]))}` : ''
  const init = method === 'GET' ? { headers } : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(base + path + query, init)
  const value = (await response.json()) as { error?: string }
  if (response.status === 200) return { value, by: `the gateway at ${base} answered` }
  throw new Failure(value.error ?? `the gateway at ${base} answered ${response.status}`)
}

async function onGround(config: GatewayConfig, method: 'GET' | 'POST', path: string, body: Readonly<Record<string, unknown>>): Promise<unknown> {
  const ground = openGround(config, { log: quietLog })
  try {
    return await actions[`${method} ${path}`]?.(new Office(ground), body)
  } finally {
    await ground.close()
  }
}

/** What a store says that was just made: one that goes again. */
async function onNothing(config: GatewayConfig, path: string, body: Readonly<Record<string, unknown>>): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-'))
  try {
    return await onGround({ ...config, store: { ...config.store, path: folder }, ledger: { ...config.ledger, path: folder } }, 'GET', path, body)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a person did wrong, or what cannot be had: one sentence. Anything else is a fault of ours and keeps its stack. */
export const sentenceOf = (error: unknown): string | undefined =>
  error instanceof Failure ||
  error instanceof OfficeError ||
  (error instanceof Error && ['FolderError', 'PlanError', 'JournalError', 'BooksError', 'PortError'].includes(error.name))
    ? error.message
    : undefined
