/** Every connection that is configured, by name, and the pools that they form. */
import type { Clock, Connection, StockMirror } from '#contract'
import { type Alarm, Lane } from './lane.ts'
import { Pool } from './pool.ts'
import { Standing } from './standing.ts'

/** What a reload may change. */
export interface Standards {
  /** 0 to 1: a connection that serves less of its calls is paused. */
  readonly floor: number
  readonly upstreamTimeoutMs: number
}

export interface RosterOptions extends Standards {
  readonly clock: Clock
  readonly stock: StockMirror
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
  /** Of connections that are not configured any more, while calls of theirs run. */
  readonly #former = new WeakMap<Connection, Standing>()
  readonly #lane: () => Lane
  #standards: Standards
  #isConfigured = false

  constructor(options: RosterOptions) {
    this.#options = options
    this.#standards = options
    const { clock, alarm = timers } = options
    const monotonicNs = (): number => clock.monotonicNs()
    const longestNs = (): number => Math.min(LONGEST_WAIT_MS, this.#standards.upstreamTimeoutMs / 2) * 1e6
    this.#lane = () => new Lane(longestNs, monotonicNs, alarm)
  }

  find(connection: string): Standing | undefined {
    return this.#standings.get(connection)
  }

  /** Of another owner's, or another API's, connection of the same name nothing is known. */
  of(connection: Connection): Standing {
    const found = this.#standings.get(connection.name)
    if (found?.connection === connection) return found
    if (found !== undefined && isSame(found.connection, connection)) {
      found.connection = connection
      return found
    }
    return this.#isConfigured ? this.#strayOf(connection) : this.#enter(connection)
  }

  /** At start and at each reload: those that are gone are forgotten. A plan may have changed with the file. */
  configure(connections: readonly Connection[], standards: Standards = this.#standards): void {
    this.#standards = standards
    this.#isConfigured = true
    const wanted = new Map(connections.map((connection) => [connection.name, connection]))
    for (const standing of [...this.#standings.values()]) {
      const connection = wanted.get(standing.connection.name)
      if (connection === undefined || !isSame(standing.connection, connection)) this.#forget(standing)
    }
    for (const connection of connections) {
      const standing = this.#standings.get(connection.name) ?? this.#enter(connection)
      standing.connection = connection
      standing.forgetPlan()
      standing.mark()
    }
  }

  #enter(connection: Connection): Standing {
    const found = this.#standings.get(connection.name)
    if (found !== undefined) this.#forget(found)
    const standing = new Standing(connection, this.#pool(connection.adapter), { plain: this.#lane(), heavy: this.#lane() })
    this.#standings.set(connection.name, standing)
    standing.pool.members.add(standing)
    return standing
  }

  /** A call that began before a reload ends with the connection that it has; nobody compares it with those of now. */
  #strayOf(connection: Connection): Standing {
    let standing = this.#former.get(connection)
    if (standing === undefined) {
      standing = new Standing(connection, this.#newPool(), { plain: this.#lane(), heavy: this.#lane() })
      this.#former.set(connection, standing)
    }
    return standing
  }

  #forget(standing: Standing): void {
    const { connection, pool } = standing
    this.#standings.delete(connection.name)
    this.#former.set(connection, standing)
    pool.members.delete(standing)
    pool.troubled.delete(standing)
    // Its last calls trouble nobody who is left.
    standing.pool = this.#newPool()
    if (pool.members.size === 0) this.#pools.delete(connection.adapter)
  }

  #pool(adapter: string): Pool {
    let pool = this.#pools.get(adapter)
    if (pool === undefined) {
      pool = this.#newPool()
      this.#pools.set(adapter, pool)
    }
    return pool
  }

  #newPool(): Pool {
    return new Pool(
      () => this.#standards.floor,
      (connection) => this.#options.stock.enabled(connection),
    )
  }
}

const isSame = (a: Connection, b: Connection): boolean => a.owner === b.owner && a.adapter === b.adapter
