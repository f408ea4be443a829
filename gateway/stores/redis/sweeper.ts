/**
 * Signs of life, and what becomes of those who give none: another process gives up what they only held, and takes over what
 * they were settling. A store that is not the one it was is noticed here, too.
 */
import type { Log } from '#contract'
import type { Link } from './link.ts'
import { SWEEP } from './script-ending.ts'

const BEAT_MS = 1_000
/** No sign for so long, and a process counts as dead: a pause as long as that loses it its holds, never a charge. */
const ALIVE_MS = 5_000
const AT_ONCE = 100

export interface SweeperOptions {
  readonly link: Link
  readonly process: string
  readonly ledger: string
  /** Identity of the data, written when they were made. */
  readonly storeId: string
  readonly testTime: () => string
  readonly log: Log
  readonly onLost: (error: Error) => void
}

export class Sweeper {
  readonly #options: SweeperOptions
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#beat()
    this.#again()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const { link, process } = this.#options
    // Whatever is still open is for others to sweep, at once.
    await link.command((redis) => redis.del(`${link.prefix}alive:${process}`)).catch(() => undefined)
  }

  #again(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      void this.#beat()
        .then(() => this.sweep())
        .catch(() => undefined)
        .finally(() => this.#again())
    }, BEAT_MS).unref()
  }

  async #beat(): Promise<void> {
    const { link, process, storeId, onLost } = this.#options
    const [id] = await link.command((redis) =>
      Promise.all([
        redis.hget(`${link.prefix}meta`, 'id'),
        redis.set(`${link.prefix}alive:${process}`, '1', 'PX', ALIVE_MS),
        redis.sadd(`${link.prefix}procs`, process),
      ]),
    )
    if (id !== storeId) onLost(new Error('Redis is not the one it was: its data are gone, or those of another store; restore them and start again'))
  }

  async sweep(): Promise<void> {
    const { link, process, ledger, testTime, log } = this.#options
    const [all] = await Promise.all([link.command((redis) => redis.smembers(`${link.prefix}procs`))])
    for (const dead of all) {
      if (dead === process || this.#closed) continue
      if ((await link.command((redis) => redis.exists(`${link.prefix}alive:${dead}`))) === 1) continue
      let swept = 0
      for (let count = AT_ONCE; count === AT_ONCE; swept += count) count = Number(await link.surely(SWEEP, [testTime(), dead, process, ledger, AT_ONCE]))
      if (swept > 0) log.warn({ process: dead, holds: swept }, 'a gateway is gone; what it held was given up, what it was settling is taken over')
    }
  }
}
