/** Child processes: start, wait for the port, CPU time, stop. */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

export const root = fileURLToPath(new URL('../../', import.meta.url))

const keep = (child: ChildProcess): ChildProcess => {
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** Starts a compiled file of bench/. */
export const start = (file: string, args: readonly string[] = []): ChildProcess => keep(fork(new URL(file, import.meta.url), args, { execArgv: [] }))

export const startCommand = (args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess =>
  keep(spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] }))

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

/** SIGTERM, and after a while SIGKILL. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const end = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
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
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const own = (Number(fields[11]) + Number(fields[12])) * 10_000
    return childrenOf(pid).reduce((sum, child) => sum + (cpuMicros(child) ?? 0), own)
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
