/**
 * Usage endpoints that adapters name: asked at most once an hour and connection over all processes, at odd times, only while it is on sale and only
 * where no answer's field has told of late. A provider that refuses is not asked again. Beside vetting, the one thing the gateway asks of its own accord.
 */
import type { Alarm, Chance, Clock, Connection, EpochMs, Log, Operation, StoreAdmin, UsageEndpoint } from '#contract'
import { usageOf } from './counter.ts'
import { type Answered, EMPTY, exchange, type ExchangePorts } from './own-request.ts'
import type { QuotaWatch } from './quota-watch.ts'

export interface UsagePorts extends ExchangePorts {
  readonly watch: Pick<QuotaWatch, 'told' | 'readAtMs'>
  readonly admin: Pick<StoreAdmin, 'first'>
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly alarm: Alarm
  enabled(connection: string): boolean
  /** The provider has units left, whatever was thought. */
  unitsSeen?(connection: string, remaining: number): void
}

export interface Polling {
  readonly connection: Connection
  readonly usage: UsageEndpoint
}

interface Polled {
  connection: Connection
  usage: UsageEndpoint
  cancel: () => void
}

type AskedOf = Pick<UsagePorts, 'transport' | 'withinMs' | 'bufferBytes'>

const HOUR_MS = 3_600_000
const FIRST_AFTER_MS = 300_000
const CHANCES = 65_536

export class UsagePolls {
  readonly #ports: UsagePorts
  readonly #polled = new Map<string, Polled>()
  #closed = false

  constructor(ports: UsagePorts, connections: readonly Polling[]) {
    this.#ports = ports
    this.configure(connections)
  }

  /** At start and at each reload: whoever is polled already keeps its time. */
  configure(connections: readonly Polling[]): void {
    const names = new Set(connections.map(({ connection }) => connection.name))
    for (const [name, { cancel }] of this.#polled) {
      if (names.has(name)) continue
      this.#polled.delete(name)
      cancel()
    }
    for (const { connection, usage } of connections) {
      const known = this.#polled.get(connection.name)
      if (known !== undefined) Object.assign(known, { connection, usage })
      else {
        const polled: Polled = { connection, usage, cancel: () => undefined }
        this.#polled.set(connection.name, polled)
        // The first times lie anywhere in the first hour, so that a start asks nobody and never many at once.
        this.#wait(polled, FIRST_AFTER_MS + HOUR_MS * this.#luck())
      }
    }
  }

  close(): void {
    this.#closed = true
    for (const { cancel } of this.#polled.values()) cancel()
  }

  /** 0 to 1. */
  #luck(): number {
    return Number.parseInt(this.#ports.chance.hex(2).slice(-4), 16) / CHANCES
  }

  #wait(polled: Polled, ms: number): void {
    const wake = (): void => {
      const { connection, usage } = polled
      void this.#due(connection, usage).then((goesOn) => {
        const isWanted = !this.#closed && this.#polled.get(connection.name) === polled
        // One that refuses is asked again where its settings have changed.
        if (isWanted && (goesOn || polled.connection !== connection)) this.#wait(polled, HOUR_MS * (1 + this.#luck() / 4))
      })
    }
    polled.cancel = this.#ports.alarm(Math.round(ms), wake)
  }

  /** False where it is not asked again. */
  async #due(connection: Connection, usage: UsageEndpoint): Promise<boolean> {
    const { clock, admin, watch, enabled, log } = this.#ports
    const { name } = connection
    const nowMs = clock.nowMs()
    if (this.#closed || !enabled(name) || watch.readAtMs(name) > nowMs - HOUR_MS) return !this.#closed
    try {
      if (!(await admin.first(`usage:${name}`, (nowMs + HOUR_MS) as EpochMs))) return true
      const answered = await askUsage(this.#ports, connection, usage)
      if (answered.state === 'failed') return true
      if (answered.status === 401 || answered.status === 403) {
        log.warn({ connection: name, status: answered.status }, 'the usage endpoint refuses; it is not asked again before the next start')
        return false
      }
      const remaining = usageIn(answered, connection, usage, nowMs)
      if (remaining === undefined) return true
      this.#ports.unitsSeen?.(name, remaining)
      await watch.told(name, remaining, nowMs)
    } catch (error) {
      log.warn({ connection: name, cause: String(error) }, "the provider's own counter could not be asked for")
    }
    return true
  }
}

export const askUsage = (ports: AskedOf, connection: Connection, usage: UsageEndpoint): Promise<Answered> => {
  const operation: Operation = { id: 'usage', method: usage.method, path: usage.path, units: 0, reads: true, resale: 'forbidden', sample: null }
  return exchange(ports, { connection, operation, method: usage.method, path: usage.path, query: '', body: EMPTY })
}

/** Units left; undefined where the answer does not tell. What was used in a period counts only where ours is of that kind. */
export function usageIn(answered: Answered, { quota, period }: Connection, usage: UsageEndpoint, nowMs: number): number | undefined {
  if (answered.state !== 'answered' || answered.status !== 200) return undefined
  const said = usageOf(answered.body, usage, nowMs)
  if (said === undefined || 'remaining' in said) return said?.remaining
  return period.every === (usage.usedPer ?? 'month') ? Math.max(0, quota - said.used) : undefined
}
