/** A simulator with one connection of a made-up provider, and calls to it: shared by the simulator's tests. */
import type { Test } from 'tap'
import { type Adapter, defineAdapter, type EpochMs, type Operation } from '#contract'
import { type Simulator, startSimulator } from '../../gateway/sandbox/simulator.ts'

export const SECRET = 'k3y:of-the-owner'

/** A clock that goes on only when it is told to. */
function playClock() {
  let ns = 0
  const forward = (seconds: number): void => {
    ns += seconds * 1e9
  }
  return { nowMs: () => (ns / 1e6) as EpochMs, monotonicNs: () => ns, forward }
}

export const plainOperation: Operation = { id: 'one', method: 'GET', path: '/one/:of', units: 1, resale: 'ask', sample: { one: 1 } }
export const acme: Adapter = defineAdapter({
  name: 'acme',
  title: 'Acme',
  category: 'Tests',
  docs: 'https://acme.example',
  baseUrl: 'https://api.acme.example',
  credential: { in: 'header', name: 'X-Key' },
  quota: { unit: 'call', resets: 'billing-day', remaining: { header: 'x-left' } },
  rateLimit: { perSecond: 2 },
  terms: { source: 'acme.example', checked: '2026-11-23' },
  operations: [
    plainOperation,
    {
      id: 'find',
      method: 'POST',
      path: '/find',
      body: { q: {}, deep: {} },
      required: ['q'],
      units: ({ body }) => (body?.deep === true ? 5 : 1),
      resale: 'ask',
      sample: [],
    },
  ],
  failures: [
    { status: 418, means: 'bad-request', sample: 'a teapot wants tea' },
    { status: 429, bodyHas: 'month', means: 'quota-exhausted' },
  ],
})

interface Given {
  readonly adapter?: Adapter
  readonly quota?: number
  readonly paced?: boolean
}

/** A simulator with the connection `it`. */
export async function simulating(t: Test, { adapter = acme, quota = 1000, paced = false }: Given = {}) {
  const clock = playClock()
  const simulator = await startSimulator({ clock, paced })
  t.teardown(() => simulator.close())
  simulator.register({ name: 'it', adapter, credential: SECRET, quota })
  return { simulator, clock }
}

export interface Ask {
  readonly connection?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

export const ask = (simulator: Simulator, path: string, { connection = 'it', method, headers = { 'x-key': SECRET }, body }: Ask = {}) =>
  fetch(simulator.baseUrl(connection) + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

export const statuses = async (answers: Iterable<Promise<Response>>) => (await Promise.all(answers)).map(({ status }) => status)
/** Of calls at once, that may arrive in any order. */
export const sorted = async (answers: Iterable<Promise<Response>>) => (await statuses(answers)).sort()
