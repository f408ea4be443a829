/** A gateway with workers on a real Redis, as an operator starts it, and calls whose worker can be told. */
import { Agent } from 'undici'
import { type Started, startAtlas } from './atlas.ts'
import { OPEN_RATE, sandbox, type Teardown, temporaryFolder, until, writeConfig } from './gateway.ts'
import { customConnection, OK, type Provider, startProvider, UPSTREAM } from './provider.ts'
import type { RigRedis } from './redis.ts'

interface Shown {
  readonly number: number
  readonly pid: number | null
  readonly serves: boolean
}

export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  /** Beginning of its request id: another one for each process. */
  readonly by: string
}

export interface WorkersRig extends Started {
  readonly provider: Provider
  readonly file: string
  workers(): Promise<readonly Shown[]>
  /**
   * On a connection of its own, so that the next one is another worker's. Under a name of its own and sent again where a part was too
   * slow on a busy machine: it is one call all the same.
   */
  call(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  admin<T>(path: string, body?: object): Promise<T>
  key(wish: object): Promise<{ readonly id: string; readonly key: string }>
  /** All of them serve. */
  whole(): Promise<void>
}

export interface Wish {
  readonly redis: RigRedis
  readonly name: string
  readonly count?: number
  readonly connection?: object
  /** In the folder of the configuration, before the start. */
  readonly before?: (folder: string) => Promise<unknown>
  /** More of the configuration. */
  readonly more?: object
}

/** What many tests need: priced $0.15, read and never written. */
const SEARCH = { id: 'search', method: 'GET', path: '/search', query: ['q'], reads: true, resale: 'allowed' }

export function workersConfig(providerUrl: string, { redis, name, count = 2, connection = {}, more = {} }: Wish): object {
  return sandbox({
    workers: count,
    store: { driver: 'redis', url: redis.url, name, durability: 'relaxed' },
    upstream: { ...UPSTREAM, timeout: '10s' },
    limits: { concurrent_per_consumer: 1_000 },
    api_connections: [
      customConnection(providerUrl, {
        ...{ name: 'acme', owner: 'alice', base_cost: '$0.05', markup: '3x', monthly_quota: 1_000_000, reserved: 1_000 },
        ...{ operations: [SEARCH], ...connection },
      }),
    ],
    plugins: ['auth', 'abuse-detect', OPEN_RATE, { 'markup-billing': { platform_share: '10%' } }, 'quota-reserve'],
    ...more,
  })
}

export async function startWorkers(t: Teardown, wish: Wish): Promise<WorkersRig> {
  const provider = await startProvider(t)
  provider.always(OK)
  const folder = temporaryFolder(t)
  await wish.before?.(folder)
  const file = writeConfig(folder, workersConfig(provider.url, wish))
  const started = await startAtlas(t, file)
  const admin = async <T>(path: string, body?: object): Promise<T> => {
    const init = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return (await (await fetch(started.adminUrl + path, init)).json()) as T
  }
  const workers = async (): Promise<readonly Shown[]> => (await admin<{ workers: readonly Shown[] }>('/api/about')).workers
  return {
    ...{ ...started, provider, file, workers, admin },
    call: (path, headers) => call(started.publicUrl, path, headers),
    key: (wish) => admin('/api/keys', wish),
    whole: () => until('all workers serve', async () => (await workers()).every(({ serves }) => serves), 10_000),
  }
}

let names = 0

async function call(origin: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  names += 1
  const named = { 'idempotency-key': `call ${names}`, ...headers }
  for (let turn = 1; ; turn += 1) {
    const answer = await callOnce(origin, path, named)
    if (answer.code !== 'unavailable' || turn === 100) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function callOnce(origin: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const agent = new Agent({ connections: 1 })
  try {
    return await callBy(agent, origin, path, headers)
  } finally {
    await agent.destroy()
  }
}

/** On whatever connection this agent has. */
export async function callBy(agent: Agent, origin: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await agent.request({ origin, path, method: 'GET', headers })
  const body = await response.body.text()
  const code = response.statusCode === 200 ? undefined : (JSON.parse(body) as { code?: string }).code
  return { status: response.statusCode, code, headers: response.headers, body, by: String(response.headers['x-request-id']).split('-', 1)[0] as string }
}
