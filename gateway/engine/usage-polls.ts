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

type AskedOf = Pick<UsagePorts, 'transport' | 'withinMs' | 'bufferBytes'>

const HOUR_MS = 3_600_000
const FIRST_AFTER_MS = 300_000
const CHANCES = 65_536

export class UsagePolls {
  readonly #ports: UsagePorts
  readonly #cancels = new Map<string, () => void>()
  #closed = false

  constructor(ports: UsagePorts, connections: readonly { readonly connection: Connection; readonly usage: UsageEndpoint }[]) {
    this.#ports = ports
    // The first times lie anywhere in the first hour, so that a start asks nobody and never many at once.
    for (const one of connections) this.#wait(one.connection, one.usage, FIRST_AFTER_MS + HOUR_MS * this.#luck())
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#cancels.values()) cancel()
  }

  /** 0 to 1. */
  #luck(): number {
    return Number.parseInt(this.#ports.chance.hex(2).slice(-4), 16) / CHANCES
  }

  #wait(connection: Connection, usage: UsageEndpoint, ms: number): void {
    const wake = (): void => {
      void this.#due(connection, usage).then((goesOn) => {
        if (goesOn && !this.#closed) this.#wait(connection, usage, HOUR_MS * (1 + this.#luck() / 4))
      })
    }
    this.#cancels.set(connection.name, this.#ports.alarm(Math.round(ms), wake))
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
