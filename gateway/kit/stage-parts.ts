/** What stands around a plugin on the stage: a clock that stands still, a provider that is a function, a client that is a promise. */
import type { Chance, Clock, Connection, EpochMs, Log, Operation, Usd } from '#contract'
import { ratio, units } from '#contract'
import type { Sink } from '../engine/index.ts'
import type { Attempt, AttemptEvents, OutgoingRequest } from '../engine/transport.ts'

/** Stands still until it is moved. */
export class StillClock implements Clock {
  #ms = Date.UTC(2026, 10, 23, 12)

  nowMs(): EpochMs {
    return this.#ms as EpochMs
  }

  monotonicNs(): number {
    return (this.#ms - Date.UTC(2026, 0, 1)) * 1e6
  }

  pass(ms: number): void {
    this.#ms += ms
  }
}

/** Never the same twice, and the same in every run. */
export function countingChance(): Chance {
  let count = 0
  return {
    hex(bytes) {
      count += 1
      return count.toString(16).padStart(bytes * 2, '0')
    },
  }
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

export function memoryLog(lines: LogLine[]): Log {
  const at =
    (level: LogLine['level']) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

// ------------------------------------------------------------------ the provider

export interface ProviderAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | object
}

/** What the provider says to a request; a promise is waited for. */
export type Provider = (request: OutgoingRequest) => ProviderAnswer | Promise<ProviderAnswer>

export class PlayedTransport {
  /** Requests that reached the provider, oldest first. */
  readonly sent: OutgoingRequest[] = []
  provider: Provider = () => ({ status: 200, body: {} })

  send(request: OutgoingRequest, events: AttemptEvents): Attempt {
    this.sent.push(request)
    let aborted = false
    const answer = async (): Promise<void> => {
      const { status, headers = {}, body = '' } = await this.provider(request)
      if (aborted) return
      events.head(status, Object.entries({ 'content-type': 'application/json', ...headers }).flat(), () => undefined)
      events.data(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
      events.end()
    }
    setImmediate(() => void answer().catch((cause: Error) => (aborted ? undefined : events.error(cause, true))))
    return {
      sent: true,
      abort: () => {
        aborted = true
      },
    }
  }

  async close(): Promise<void> {}
}

// ------------------------------------------------------------------ the client

export interface Heard {
  /** 0 where it was broken off. */
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The client's end of a call; a stream is heard as a whole. */
export class Ear implements Sink {
  /** Resolves when the answer is whole, or was broken off. */
  readonly done: Promise<Heard>
  #heard: Heard = { status: 0, headers: {}, body: '' }
  #tell: (heard: Heard) => void = () => undefined

  constructor() {
    this.done = new Promise((resolve) => {
      this.#tell = resolve
    })
  }

  answer(status: number, headers: string[], body: Buffer | string): void {
    this.#tell({ status, headers: named(headers), body: String(body) })
  }

  begin(status: number, headers: string[]): void {
    this.#heard = { status, headers: named(headers), body: '' }
  }

  write(chunk: Buffer): boolean {
    this.#heard = { ...this.#heard, body: this.#heard.body + String(chunk) }
    return true
  }

  end(): void {
    this.#tell(this.#heard)
  }

  abort(): void {
    this.#tell({ ...this.#heard, status: 0 })
  }

  drained(): void {}
}

const named = (flat: readonly string[]): Readonly<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (let at = 0; at + 1 < flat.length; at += 2) found[flat[at] as string] = flat[at + 1] as string
  return found
}

// ------------------------------------------------------------------ what is sold

/** 1000 units at $0.15, of which 300 are the owner's. */
export const stageConnection = (name: string, operations: readonly Operation[] = []): Connection => ({
  ...{ name, adapter: 'acme', owner: 'alice', quota: units(1000), reserved: units(300) },
  ...{ baseCost: ratio(50_000n, 1n), markup: ratio(3n, 1n), unitPrice: 150_000n as Usd, prices: new Map(), subscriptionCost: undefined },
  ...{ period: { every: 'month', billingDay: 1, zone: 'UTC' }, terms: 'confirmed', baseUrl: 'https://api.acme.example/v1' },
  ...{ credential: { in: 'header', name: 'X-Key' }, simulated: false, operations },
})

/** One that reads and one that writes; both take any members. */
export const stageOperations: readonly Operation[] = [
  { id: 'search', method: 'GET', path: '/search', units: 1, query: 'any', resale: 'allowed', sample: {} },
  { id: 'order', method: 'POST', path: '/order', units: 2, query: 'any', body: 'any', resale: 'allowed', sample: {} },
]
