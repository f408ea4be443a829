/**
 * Preloaded into a soaked gateway: says once a second how it is, and at SIGUSR2 collects all garbage and says what is left.
 * ATLAS_SOAK_REPORT is the file for it. Changes nothing of what the gateway does.
 */
import { writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

export interface Inside {
  readonly pid: number
  /** How often it has collected. */
  readonly collected: number
  readonly heap: number
  /** Outside of V8's heap: buffers, native parts. */
  readonly external: number
  /** Of the last second, in milliseconds. */
  readonly delayP99: number
  readonly delayMax: number
  /** Objects that live, at the last collection. */
  readonly timers: number
  readonly sockets: number
  /** What ended, or would have ended, the process. */
  readonly uncaught: readonly string[]
}

const EVERY_MS = 1_000

function watch(file: string): void {
  const loop = monitorEventLoopDelay({ resolution: 10 })
  loop.enable()
  const uncaught: string[] = []
  let [collected, timers, sockets] = [0, 0, 0]
  // What timers are made from; its name is not exported.
  const Timer = setTimeout(() => undefined, 0).constructor as new () => object
  const say = (): void => {
    const { heapUsed: heap, external } = process.memoryUsage()
    const [delayP99, delayMax] = [loop.percentile(99) / 1e6, loop.max / 1e6]
    loop.reset()
    const inside: Inside = { pid: process.pid, collected, heap, external, delayP99, delayMax, timers, sockets, uncaught }
    writeFileSync(file, `${JSON.stringify(inside)}\n`)
  }
  setInterval(say, EVERY_MS).unref()
  process.on('uncaughtExceptionMonitor', (error, origin) => {
    uncaught.push(`${origin}: ${error instanceof Error ? error.stack : error}`)
    say()
  })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  process.on('SIGUSR2', () => {
    collect()
    timers = queryObjects(Timer, { format: 'count' }) as unknown as number
    sockets = queryObjects(Socket, { format: 'count' }) as unknown as number
    collected += 1
    say()
  })
}

const file = process.env.ATLAS_SOAK_REPORT
if (isMainThread && file !== undefined) watch(file)
