/** The way of a command to a running gateway, or to its store where none runs. The same actions serve both. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GatewayConfig } from '../../../config/model.ts'
import { storeIdOf } from '../../ground/parts.ts'
import type { Office } from '../../office/index.ts'
import { isLong } from '../long.ts'
import { Failure, type Good, loadGood, openVault, quietLog } from './context.ts'
import { type Dial, dialTo } from './dial.ts'

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
  readonly secrets: ReadonlyMap<string, string | Buffer>
}

/** What asks providers needs a gateway, without doors, for as long as it takes. */
const NEEDS_GATEWAY: ReadonlySet<string> = new Set(['POST /api/enable'])

const ABOUT_WITHIN_MS = 5_000

/** Asks the running gateway, or the store itself where none runs. @throws Failure */
export async function ask(file: string | undefined, method: 'GET' | 'POST', path: string, body: Asked['body'] = {}): Promise<Answered> {
  const { config } = await loadGood(file)
  const { dial, done } = await dialTo(config)
  try {
    const base = await runningAt(config, dial)
    if (base !== undefined) return { value: await (await send(config, { base, dial }, { method, path, body })).json(), by: `the gateway at ${base} answered` }
  } finally {
    await done()
  }
  const ground = await groundFor(file, { method, path })
  return onGround(ground.config, { method, path, body, secrets: ground.secrets }, async (value) => value)
}

/** Paying needs the wallet and vetting the credentials, which may be in the vault; nothing else that is asked of a store needs a secret. */
function groundFor(file: string | undefined, { method, path }: Pick<Asked, 'method' | 'path'>): ReturnType<typeof loadGood> {
  return NEEDS_GATEWAY.has(`${method} ${path}`) || path.startsWith('/api/payouts') ? loadGood(file, openVault) : loadGood(file)
}

/** Asks the running gateway alone; undefined where none runs. @throws Failure */
export async function askGateway(config: GatewayConfig, asked: Pick<Asked, 'method' | 'path' | 'body'>): Promise<Answered | undefined> {
  const { dial, done } = await dialTo(config)
  try {
    const base = await runningAt(config, dial)
    return base === undefined ? undefined : { value: await (await send(config, { base, dial }, asked)).json(), by: `the gateway at ${base} answered` }
  } finally {
    await done()
  }
}

/** Where that configuration would have a gateway. */
export const placeOf = (config: GatewayConfig): string => urlOf(config)

/** The same as text. @throws Failure */
export async function askText(of: string | undefined | Good, path: string, body: Asked['body'], write: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  await askLong(of, path, body, (piece) => write(typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })))
  write(decoder.decode())
}

/** Asks for something long, which is written as it comes: bytes from a gateway, text from a store. Who answered is said on stderr. `of`: the file, or what was loaded from it. @throws Failure */
export async function askLong(of: string | undefined | Good, path: string, body: Asked['body'], write: (piece: Uint8Array | string) => void): Promise<void> {
  const { config, secrets } = typeof of === 'object' ? of : await loadGood(of)
  const asked = { method: 'GET' as const, path, body, secrets }
  const { dial, done } = await dialTo(config)
  const base = await runningAt(config, dial)
  const each = async (pieces: AsyncIterable<Uint8Array | string>): Promise<void> => {
    for await (const piece of pieces) write(piece)
  }
  if (base === undefined) {
    await done()
    const { by } = await onGround(config, asked, async (value) => (isLong(value) ? each(value.text) : undefined))
    process.stderr.write(`${by}\n`)
    return
  }
  process.stderr.write(`the gateway at ${base} answered\n`)
  const { body: pieces } = await send(config, { base, dial }, asked)
  if (pieces !== null) await each(pieces as unknown as AsyncIterable<Uint8Array>)
  await done()
}

const hostOf = ({ admin }: GatewayConfig): string => (admin.host.includes(':') ? `[${admin.host}]` : admin.host)
const urlOf = (config: GatewayConfig): string => `${config.admin.tls === undefined ? 'http' : 'https'}://${hostOf(config)}:${config.admin.port}`

const tokenOf = ({ admin }: GatewayConfig): Readonly<Record<string, string>> => (admin.token === undefined ? {} : { authorization: `Bearer ${admin.token}` })

/** Where this configuration's gateway answers; undefined where none does, or another one. */
async function runningAt(config: GatewayConfig, dial: Dial): Promise<string | undefined> {
  const base = urlOf(config)
    .replace(/^(https?):\/\/0\.0\.0\.0:/, '$1://127.0.0.1:')
    .replace('://[::]:', '://[::1]:')
  const about = await dial(`${base}/api/about`, { headers: tokenOf(config), signal: AbortSignal.timeout(ABOUT_WITHIN_MS) }).catch(() => undefined)
  if (about === undefined) return undefined
  const said = (await about.json().catch(() => ({}))) as { product?: string; store?: string }
  if (about.status === 401) throw new Failure(`the gateway at ${base} refuses the admin token of this configuration`)
  return said.product === 'atlas' && said.store === storeIdOf(config) ? base : undefined
}

/** The same for whoever only wants to know. @throws Failure where it refuses the token */
export async function gatewayAt(config: GatewayConfig): Promise<string | undefined> {
  const { dial, done } = await dialTo(config)
  try {
    return await runningAt(config, dial)
  } finally {
    await done()
  }
}

async function send(config: GatewayConfig, { base, dial }: { base: string; dial: Dial }, { method, path, body }: Omit<Asked, 'secrets'>): Promise<Response> {
  const headers = tokenOf(config)
  const query = method === 'GET' ? `?${new URLSearchParams(Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]))}` : ''
  const init = method === 'GET' ? { headers } : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(textsOf(body)) }
  const response = await dial(base + path + query, init)
  if (response.status === 200) return response
  const { error, ...more } = (await response.json().catch(() => ({}))) as { error?: string }
  throw new Failure(error ?? `the gateway at ${base} answered ${response.status}`, 1, more)
}

/** A secret is bytes on its way to the store, and text only where JSON wants it. */
const textsOf = (body: Asked['body']): Asked['body'] =>
  Object.fromEntries(Object.entries(body).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('utf8') : value]))

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

/** Loaded only where no gateway runs: whoever asks one needs none of it. */
async function acted<T>(config: GatewayConfig, { method, path, body, secrets }: Asked, use: (value: unknown) => Promise<T>): Promise<T> {
  const [{ Office }, { actions }] = await Promise.all([import('../../office/index.ts'), import('../actions/index.ts')])
  const act = async (office: Office): Promise<T> => use(await actions[`${method} ${path}`]?.(office, body))
  if (NEEDS_GATEWAY.has(`${method} ${path}`)) {
    const [{ Gateway }, { liveOf }] = await Promise.all([import('../../gateway.ts'), import('../live.ts')])
    const gateway = await Gateway.open(config, secrets, { log: quietLog, briefly: true })
    try {
      return await act(new Office(gateway.ground, liveOf(gateway)))
    } finally {
      await gateway.close(0)
    }
  }
  const { openGround } = await import('../../ground/index.ts')
  const ground = await openGround(config, { log: quietLog })
  try {
    return await act(new Office(ground))
  } finally {
    await ground.close()
  }
}
