/** A real Redis for a test: on a free port, in a folder of its own, ended with the test. It can be killed, paused and started again. */

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { memoryFolder, type Teardown } from './folder.ts'
import { freePort } from './port.ts'

export interface RedisSettings {
  /** Turns the append-only file on. */
  readonly appendfsync?: 'always' | 'everysec' | 'no'
  readonly maxmemoryPolicy?: 'noeviction' | 'allkeys-lru'
}

export interface RigRedis {
  readonly url: string
  readonly port: number
  /** Of the server that runs now. */
  pid(): number
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** On the same port and data. */
  start(): Promise<void>
  /** It stands still, with its connections open. */
  pause(): void
  resume(): void
}

/** It reads all of its data first, on a machine that may have much else to do. */
const READY_WITHIN_MS = 90_000

/** What a strict gateway demands. */
export const STRICT: RedisSettings = { appendfsync: 'always', maxmemoryPolicy: 'noeviction' }

export async function startRedis(t: Teardown, { appendfsync, maxmemoryPolicy = 'noeviction' }: RedisSettings = {}): Promise<RigRedis> {
  const port = await freePort()
  const folder = memoryFolder(t)
  const durable = appendfsync === undefined ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', appendfsync]
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--maxmemory-policy', maxmemoryPolicy, ...durable]
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()
  const start = async (): Promise<void> => {
    const started = spawn('redis-server', [...args, '--logfile', join(folder, 'redis.log')], { stdio: 'ignore' })
    child = started
    let failure: Error | undefined
    ended = new Promise((resolve) => {
      started.once('exit', resolve)
      started.once('error', (error) => {
        failure = new Error('redis-server cannot be started; install it (apt-get install redis-server, brew install redis)', { cause: error })
        resolve(undefined)
      })
    })
    const untilMs = performance.now() + READY_WITHIN_MS
    while (!(await answers(port))) {
      if (failure !== undefined) throw failure
      if (started.exitCode !== null) throw new Error(`redis-server on port ${port} ended with ${started.exitCode}; ${join(folder, 'redis.log')} says why`)
      if (performance.now() > untilMs) throw new Error(`redis-server on port ${port} did not answer in ${READY_WITHIN_MS} ms`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    start,
    pid: () => child?.pid ?? 0,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  }
}

/** Up, and through with loading its data. */
export const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(data.toString().startsWith('+PONG'))
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
