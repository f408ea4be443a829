/** Every connection that is configured, by name, and the pools that they form. */
import type { Clock, Connection, StockMirror } from '#contract'
import { type Alarm, Lane } from './lane.ts'
import { Pool } from './pool.ts'
import { Standing } from './standing.ts'

export interface RosterOptions {
  readonly clock: Clock
  readonly stock: StockMirror
  /** 0 to 1: a connection that serves less of its calls is paused. */
  readonly floor: number
  readonly upstreamTimeoutMs: number
  /** Default: the runtime's timers. */
  readonly alarm?: Alarm
}

/** For a turn towards the provider. */
const LONGEST_WAIT_MS = 2_000

const timers: Alarm = (afterMs, ring) => {
  const timer = setTimeout(ring, afterMs).unref()
  return { cancel: () => clearTimeout(timer) }
}

export class Roster {
  readonly #options: RosterOptions
  readonly #pools = new Map<string, Pool>()
  readonly #standings = new Map<string, Standing>()
  readonly #lane: () => Lane

  constructor(options: RosterOptions) {
    this.#options = options
    const { clock, alarm = timers } = options
    const monotonicNs = (): number => clock.monotonicNs()
    const longestNs = Math.min(LONGEST_WAIT_MS, options.upstreamTimeoutMs / 2) * 1e6
    this.#lane = () => new Lane(longestNs, monotonicNs, alarm)
  }

  find(connection: string): Standing | undefined {
    return this.#standings.get(connection)
  }

  /** Of another owner's, or another API's, connection of the same name nothing is known. */
  of(connection: Connection): Standing {
    const found = this.#standings.get(connection.name)
    if (found?.connection === connection) return found
    if (found?.connection.owner === connection.owner && found.connection.adapter === connection.adapter) {
      found.connection = connection
      return found
    }
    if (found !== undefined) this.#forget(found)
    const pool = this.#pool(connection.adapter)
    const standing = new Standing(connection, pool, { plain: this.#lane(), heavy: this.#lane() })
    this.#standings.set(connection.name, standing)
    pool.members.add(standing)
    return standing
  }

  /** At start and at each reload: those that are gone are forgotten. A plan may have changed with the file. */
  configure(connections: readonly Connection[]): void {
    const names = new Set(connections.map(({ name }) => name))
    for (const [name, standing] of this.#standings) if (!names.has(name)) this.#forget(standing)
    for (const connection of connections) {
      const standing = this.of(connection)
      standing.forgetPlan()
      standing.mark()
    }
  }

  #forget(standing: Standing): void {
    const { connection, pool } = standing
    this.#standings.delete(connection.name)
    pool.members.delete(standing)
    pool.troubled.delete(standing)
    if (pool.members.size === 0) this.#pools.delete(connection.adapter)
  }

  #pool(adapter: string): Pool {
    let pool = this.#pools.get(adapter)
    if (pool === undefined) {
      pool = new Pool(this.#options.floor, (connection) => this.#options.stock.enabled(connection))
      this.#pools.set(adapter, pool)
    }
    return pool
  }
}
