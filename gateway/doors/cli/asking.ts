/** The way of a command to a running gateway, or to its store where none runs. The same actions serve both. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GatewayConfig } from '../../../config/model.ts'
import { openGround, storeIdOf } from '../../ground/index.ts'
import { Office } from '../../office/index.ts'
import { actions } from '../actions/index.ts'
import { isLong } from '../admin.ts'
import { Failure, loadGood, quietLog } from './context.ts'

export interface Answered {
  readonly value: unknown
  /** Said on stderr: who answered. */
  readonly by: string
}

interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  /** Of the connections, by name. */
  readonly secrets: ReadonlyMap<string, string>
}

/** What asks providers needs a gateway, without doors, for as long as it takes. */
const NEEDS_GATEWAY: ReadonlySet<string> = new Set(['POST /api/enable'])

const ABOUT_WITHIN_MS = 5_000

/** Asks the running gateway, or the store itself where none runs. @throws Failure */
export async function ask(file: string | undefined, method: 'GET' | 'POST', path: string, body: Asked['body'] = {}): Promise<Answered> {
  const { config, secrets } = await loadGood(file)
  const asked = { method, path, body, secrets }
  const base = await runningAt(config)
  if (base !== undefined) return { value: await (await send(config, base, asked)).json(), by: `the gateway at ${base} answered` }
  return onGround(config, asked, async (value) => value)
}

/** Asks for something long, which is written as it comes. Who answered is said on stderr. @throws Failure */
export async function askText(file: string | undefined, path: string, body: Asked['body'], write: (text: string) => void): Promise<void> {
  const { config, secrets } = await loadGood(file)
  const asked = { method: 'GET' as const, path, body, secrets }
  const base = await runningAt(config)
  const each = async (texts: AsyncIterable<string>): Promise<void> => {
    for await (const text of texts) write(text)
  }
  if (base === undefined) {
    const { by } = await onGround(config, asked, async (value) => (isLong(value) ? each(value.text) : undefined))
    process.stderr.write(`${by}\n`)
    return
  }
  process.stderr.write(`the gateway at ${base} answered\n`)
  const { body: text } = await send(config, base, asked)
  if (text !== null) await each(text.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>)
}

const hostOf = ({ admin }: GatewayConfig): string => (admin.host.includes(':') ? `[${admin.host}]` : admin.host)
const urlOf = (config: GatewayConfig): string => `http://${hostOf(config)}:${config.admin.port}`

const tokenOf = ({ admin }: GatewayConfig): Readonly<Record<string, string>> => (admin.token === undefined ? {} : { authorization: `Bearer ${admin.token}` })

/** Where this configuration's gateway answers; undefined where none does, or another one. */
async function runningAt(config: GatewayConfig): Promise<string | undefined> {
  const base = urlOf(config).replace(/^http:\/\/0\.0\.0\.0:/, 'http://127.0.0.1:')
  const about = await fetch(`${base}/api/about`, { headers: tokenOf(config), signal: AbortSignal.timeout(ABOUT_WITHIN_MS) }).catch(() => undefined)
  if (about === undefined) return undefined
  const said = (await about.json().catch(() => ({}))) as { product?: string; store?: string }
  if (about.status === 401) throw new Failure(`the gateway at ${base} refuses the admin token of this configuration`)
  return said.product === 'atlas' && said.store === storeIdOf(config) ? base : undefined
}

async function send(config: GatewayConfig, base: string, { method, path, body }: Asked): Promise<Response> {
  const headers = tokenOf(config)
  const query = method === 'GET' ? `?${new URLSearchParams(Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]))}` : ''
  const init = method === 'GET' ? { headers } : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(base + path + query, init)
  if (response.status === 200) return response
  const { error } = (await response.json().catch(() => ({}))) as { error?: string }
  throw new Failure(error ?? `the gateway at ${base} answered ${response.status}`)
}

/** A store is made by the first start, or by the first command that has something to write; looking makes none. */
async function onGround<T>(config: GatewayConfig, asked: Asked, use: (value: unknown) => Promise<T>): Promise<{ value: T; by: string }> {
  const nobody = `no gateway runs at ${urlOf(config)}`
  if (config.store.driver === 'redis') return { value: await acted(config, asked, use), by: `${nobody}; ${storeIdOf(config)} answered` }
  const { path } = config.store
  const exists = ['journal', 'journal.log'].some((name) => existsSync(join(path, name)))
  if (exists || asked.method === 'POST') return { value: await acted(config, asked, use), by: `${nobody}; the store at ${path} answered` }
  // What a store says that was just made: one that goes again.
  const folder = mkdtempSync(join(tmpdir(), 'atlas-'))
  try {
    const empty = { ...config, store: { ...config.store, path: folder }, ledger: { driver: 'embedded' as const, path: folder } }
    return { value: await acted(empty, asked, use), by: `${nobody}, and there is no store at ${path} yet` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function acted<T>(config: GatewayConfig, { method, path, body, secrets }: Asked, use: (value: unknown) => Promise<T>): Promise<T> {
  if (NEEDS_GATEWAY.has(`${method} ${path}`)) {
    const [{ Gateway }, { liveOf }] = await Promise.all([import('../../gateway.ts'), import('../live.ts')])
    const gateway = await Gateway.open(config, secrets, { log: quietLog, briefly: true })
    try {
      return await use(await actions[`${method} ${path}`]?.(new Office(gateway.ground, liveOf(gateway)), body))
    } finally {
      await gateway.close(0)
    }
  }
  const ground = await openGround(config, { log: quietLog })
  try {
    return await use(await actions[`${method} ${path}`]?.(new Office(ground), body))
  } finally {
    await ground.close()
  }
}
