/** The thread that makes snapshots, as long as there is work for it: one that is started anew for each runs code that nobody has compiled yet. */
import { Worker } from 'node:worker_threads'
import type { SnapshotWish } from './snapshots.ts'
import type { SnapshotTold } from './snapshotter.ts'

/** Under load a segment is complete every few seconds. */
const RESTS_MS = 20_000

interface Asked {
  resolve(): void
  reject(error: Error): void
}

export class SnapshotThread {
  #worker: Worker | undefined
  #asked: Asked | undefined
  #rest: NodeJS.Timeout | undefined
  #keeps = false

  /** One wish at a time. Resolves also where it was ended before it was through. */
  make(wish: SnapshotWish): Promise<void> {
    clearTimeout(this.#rest)
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject }
      this.#worker ??= this.#start()
      this.#worker.postMessage(wish)
    })
  }

  /** Whether it keeps the process: only while somebody waits for it. */
  keep(keeps: boolean): void {
    this.#keeps = keeps
    if (keeps) this.#worker?.ref()
    else this.#worker?.unref()
  }

  /** What is not finished is left. */
  async end(): Promise<void> {
    clearTimeout(this.#rest)
    await this.#leave()
    this.#told(undefined)
  }

  async #leave(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #start(): Worker {
    // Loaders and inspectors of the command line are for the main thread.
    const worker = new Worker(new URL('./snapshotter.js', import.meta.url), { execArgv: [] })
    if (!this.#keeps) worker.unref()
    worker.on('message', (told: SnapshotTold) => {
      this.#rest = setTimeout(() => void this.#leave(), RESTS_MS).unref()
      this.#told('failed' in told ? new Error(told.failed) : undefined)
    })
    worker.on('error', (error) => this.#gone(worker, error))
    worker.on('exit', () => this.#gone(worker, undefined))
    return worker
  }

  /** By itself; one that was left is nobody's any more. */
  #gone(worker: Worker, error: Error | undefined): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#told(error)
  }

  #told(failed: Error | undefined): void {
    const asked = this.#asked
    this.#asked = undefined
    if (failed === undefined) asked?.resolve()
    else asked?.reject(failed)
  }
}
