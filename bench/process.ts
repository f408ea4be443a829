/** Child processes: start, wait for the port, CPU time and memory of a whole tree, stop. */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** And the signal that ends it when the benchmark is broken off: SIGKILL, unless it has children that would outlive it. */
const running = new Map<ChildProcess, NodeJS.Signals>()
const folders: string[] = []
process.on('exit', () => {
  for (const [child, signal] of running) child.kill(signal)
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

export const root = fileURLToPath(new URL('../../', import.meta.url))

const keep = (child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): ChildProcess => {
  running.set(child, signal)
  child.once('exit', () => running.delete(child))
  return child
}

/** Goes with the benchmark. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-bench-'))
  folders.push(folder)
  return folder
}

/** Starts a compiled file of bench/. */
export const start = (file: string, args: readonly string[] = []): ChildProcess => keep(fork(new URL(file, import.meta.url), args, { execArgv: [] }))

interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly endsBy?: NodeJS.Signals
}

export const startCommand = (command: string, args: readonly string[], { env = process.env, endsBy }: CommandOptions = {}): ChildProcess =>
  keep(spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] }), endsBy)

/** The next message of a child. @throws when it ends instead */
export async function answer<T>(child: ChildProcess): Promise<T> {
  const gone = new AbortController()
  const exit = (code: number | null): void => gone.abort(new Error(`a server of the benchmark ended with status ${code}`))
  child.once('exit', exit)
  try {
    const [message] = await once(child, 'message', { signal: gone.signal })
    return message as T
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error
  } finally {
    child.off('exit', exit)
  }
}

/** The end of what a command says, to name the trouble where there is one. */
export function listenTo(child: ChildProcess): () => string {
  let said = ''
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4_000)
  }
  child.on('error', (error) => hear(Buffer.from(`${error.message}\n`)))
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  return () => {
    const lines = said.split('\n').filter((line) => line.trim() !== '')
    const telling = lines.filter((line) => /error|cannot|emerg|config\.yml:|^atlas|spawn/i.test(line))
    return (telling.length > 0 ? telling : lines).slice(0, 3).join(' | ').replaceAll(`${tmpdir()}/`, '') || 'nothing'
  }
}

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined

/** SIGTERM, and after a while SIGKILL. */
export async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const end = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await end
  clearTimeout(timer)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Microseconds of CPU of a process, all its threads and its children; undefined where there is no /proc. Clock ticks are 10 ms. */
export function cpuMicros(pid: number): number | undefined {
  return sumOfTree(pid, (one) => {
    const stat = readFileSync(`/proc/${one}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  })
}

/** Resident memory of a process and its children, in MB of a million bytes; undefined where there is no /proc. */
export function residentMb(pid: number): number | undefined {
  return sumOfTree(pid, (one) => (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${one}/status`, 'latin1'))?.[1] ?? 0) * 1024) / 1e6)
}

function sumOfTree(pid: number, of: (pid: number) => number): number | undefined {
  try {
    const own = of(pid)
    return childrenOf(pid).reduce((sum, child) => sum + (sumOfTree(child, of) ?? 0), own)
  } catch {
    return undefined
  }
}

const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')
      .split(' ')
      .filter((text) => text.trim() !== '')
      .map(Number),
  )
