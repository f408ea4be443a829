/** What `atlas doctor` looks at, one by one. Nothing is changed but a file of a few bytes that is written and taken away again. */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { GatewayConfig } from '../../../config/model.ts'
import { gatewayAt } from './asking.ts'

export interface Checked {
  readonly check: string
  readonly result: 'ok' | 'warning' | 'failed'
  readonly detail: string
  /** What to do; null where nothing has to be done. */
  readonly fix: string | null
}

const ok = (check: string, detail: string): Checked => ({ check, result: 'ok', detail, fix: null })
const warning = (check: string, detail: string, fix: string): Checked => ({ check, result: 'warning', detail, fix })
const failed = (check: string, detail: string, fix: string): Checked => ({ check, result: 'failed', detail, fix })

const MIB = 1024 * 1024

// ------------------------------------------------------------------ the machine

export function checkMachine(config: GatewayConfig | undefined): readonly Checked[] {
  return [node(), memory(), ...files(config)]
}

/** As package.json says. */
const LEAST_NODE = [20, 11] as const

function node(): Checked {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const fits = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])
  const detail = `Node.js ${process.versions.node}`
  return fits ? ok('node', detail) : failed('node', `${detail} is too old`, `install Node.js ${LEAST_NODE.join('.')} or newer`)
}

const LEAST_MEMORY_MIB = 512

function memory(): Checked {
  const mib = Math.round(totalmem() / MIB)
  const detail = `${mib} MiB of memory`
  return mib >= LEAST_MEMORY_MIB ? ok('memory', detail) : warning('memory', `${detail} is little`, `give it ${LEAST_MEMORY_MIB} MiB, or lower store.replay_mb`)
}

/** Beside connections: segments, books, logs, connections to providers. */
const OTHER_FILES = 500

/** Where the system tells it. */
function files(config: GatewayConfig | undefined): readonly Checked[] {
  const limits = readable('/proc/self/limits')
  const found = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '')
  if (found === null || config === undefined) return []
  const most = found[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found[1])
  const wanted = config.limits.connections + OTHER_FILES
  const detail = `this user may open ${found[1]} files`
  if (most >= wanted) return [ok('open files', detail)]
  return [
    warning(
      'open files',
      `${detail}, limits.connections is ${config.limits.connections}`,
      `ulimit -n ${wanted} before the start (LimitNOFILE= for systemd), or lower limits.connections`,
    ),
  ]
}

function readable(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

// ------------------------------------------------------------------ what the configuration names

export async function checkConfigured(config: GatewayConfig): Promise<readonly Checked[]> {
  const folders = new Set([config.store.path, ...(config.ledger.driver === 'embedded' ? [config.ledger.path] : [])])
  const running = await gatewayAt(config).catch((error: unknown) => error as Error)
  const checks = [...folders].flatMap(folder)
  if (running instanceof Error) checks.push(failed('gateway', running.message, 'correct admin.token, or the port'))
  else if (typeof running === 'string') checks.push(ok('gateway', `this gateway runs at ${running}`))
  else checks.push(await port('listen', config.listen), await port('admin.listen', config.admin))
  if (config.store.driver === 'redis') checks.push(await reachable('store', config.store.url, 6379, 'start Redis, or correct store.url'))
  if (config.ledger.driver === 'postgres') checks.push(await reachable('ledger', config.ledger.url, 5432, 'start PostgreSQL, or correct ledger.url'))
  return checks
}

const LITTLE_MIB = 1024
const TOO_LITTLE_MIB = 100
/** linux/magic.h */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
const NETWORK: ReadonlySet<number> = new Set([0x6969, 0xff534d42, 0xfe534d42])
const SLOW_MS = 50

/** Written to as a gateway would: the folder, or the nearest one above that is there. */
function folder(path: string): readonly Checked[] {
  let there = path
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  const probe = join(there, `.atlas-doctor-${process.pid}`)
  let tookMs: number
  try {
    tookMs = syncTime(probe)
  } catch (error) {
    return [
      failed(
        'folder',
        `${path} cannot be written (${(error as NodeJS.ErrnoException).code})`,
        'give this user the right to write there, or choose another store.path',
      ),
    ]
  }
  const { type, bavail, bsize } = statfsSync(there)
  const freeMib = Math.floor((bavail * bsize) / MIB)
  const detail = `${path} can be written, ${freeMib} MiB are free, a write is on disk in ${tookMs.toFixed(1)} ms`
  const more: Checked[] = []
  if (freeMib < TOO_LITTLE_MIB) more.push(failed('folder', `${path} has ${freeMib} MiB left`, 'make room, or choose another store.path'))
  else if (freeMib < LITTLE_MIB) more.push(warning('folder', `${path} has ${freeMib} MiB left`, 'make room, or set store.archive to a folder elsewhere'))
  if (IN_MEMORY.has(type))
    more.push(warning('folder', `${path} is in memory: what is sold is forgotten when the machine stops`, 'choose a store.path on a disk'))
  if (NETWORK.has(type))
    more.push(warning('folder', `${path} is on a network: another machine may write there, too`, 'choose a store.path on a disk of this machine'))
  if (tookMs > SLOW_MS)
    more.push(
      warning('folder', `a write to ${path} takes ${tookMs.toFixed(0)} ms until it is on disk, and every paid call waits for one`, 'choose a quicker disk'),
    )
  return more.length > 0 ? more : [ok('folder', detail)]
}

function syncTime(file: string): number {
  const fd = openSync(file, 'wx', 0o600)
  try {
    writeSync(fd, 'atlas\n')
    const from = performance.now()
    fdatasyncSync(fd)
    return performance.now() - from
  } finally {
    closeSync(fd)
    rmSync(file, { force: true })
  }
}

/** Port 0 is always free. */
function port(setting: string, { host, port: number }: { readonly host: string; readonly port: number }): Promise<Checked> {
  const where = `${host}:${number}`
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE'
      const variable = setting === 'listen' ? 'PORT' : 'ADMIN_PORT'
      const fix = isTaken ? `end what listens there, or choose another ${setting} (or ${variable}=...)` : `choose another ${setting}`
      resolve(failed('port', `${where} ${isTaken ? 'is in use by another program' : `cannot be listened on (${error.code})`}`, fix))
    })
    server.listen({ host, port: number, exclusive: true }, () => server.close(() => resolve(ok('port', `${setting} ${where} is free`))))
  })
}

const REACHED_WITHIN_MS = 3_000

/** A connection is opened, nothing is said. The URL may hold a password, and is not printed. */
function reachable(check: string, url: string, standardPort: number, fix: string): Promise<Checked> {
  const { hostname, port: text } = new URL(url)
  const at = { host: hostname.replace(/^\[|\]$/g, ''), port: text === '' ? standardPort : Number(text) }
  const where = `${at.host}:${at.port}`
  return new Promise((resolve) => {
    const socket = connect({ ...at, timeout: REACHED_WITHIN_MS })
    const end = (checked: Checked): void => {
      socket.destroy()
      resolve(checked)
    }
    socket.once('connect', () => end(ok(check, `${where} answers`)))
    socket.once('timeout', () => end(failed(check, `${where} does not answer within ${REACHED_WITHIN_MS} ms`, fix)))
    socket.once('error', (error: NodeJS.ErrnoException) => end(failed(check, `${where} cannot be reached (${error.code})`, fix)))
  })
}
