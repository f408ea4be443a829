/** A gateway in a process of its own that sells one account at one provider, and what a test asks of it. */
import { type Started, startAtlas } from '../atlas.ts'
import { type Answer, bearer, OPEN_RATE, sandbox, type Teardown, temporaryFolder, writeConfig } from '../gateway.ts'
import { openAccount, type ProviderAccount, type ProviderScript, QUOTA } from './account.ts'

export interface Offer {
  readonly id: string
  readonly method: string
  readonly units: number
  readonly example: { readonly path: string; readonly query: Readonly<Record<string, string>>; readonly body: object | null }
}

export interface Selling {
  readonly account: ProviderAccount
  readonly started: Started
  readonly folder: string
  readonly file: string
  readonly consumer: string
  readonly owner: string
  offers(): Promise<readonly Offer[]>
  /** The example of an operation, or with another body or query. */
  call(offer: Offer, more?: { readonly key?: string; readonly body?: object; readonly query?: string }): Promise<Answer>
  ask(method: string, path: string, options?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: object }): Promise<Answer>
  admin(method: string, path: string, body?: object): Promise<Record<string, unknown>>
  row(): Promise<Readonly<Record<string, number>>>
  balance(): Promise<string>
}

async function fetched(
  url: string,
  method: string,
  { headers = {}, body }: { headers?: Readonly<Record<string, string>>; body?: object | undefined } = {},
): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    redirect: 'manual',
    ...sent,
  })
  const text = await response.text()
  return {
    ...{ status: response.status, headers: Object.fromEntries(response.headers), text },
    get json() {
      return JSON.parse(text) as Record<string, unknown>
    },
  }
}

export interface SellingWish {
  readonly connection?: object
  readonly env?: Readonly<Record<string, string>>
}

/** Ended with the test. */
export async function sell(t: Teardown, script: ProviderScript, { connection = {}, env = {} }: SellingWish = {}): Promise<Selling> {
  const account = await openAccount(t, script)
  const folder = temporaryFolder(t)
  const one = { name: script.name, base_url: account.url, api_key: ['$', '{PROVIDER_KEY:-}'].join(''), monthly_quota: QUOTA, reserved: 1000 }
  const config = sandbox({
    upstream: { allow_private: true, timeout: '5s' },
    api_connections: [{ ...one, base_cost: '$0.01', markup: '1x', resale_terms: 'agreement:test', ...connection }],
    plugins: ['auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve'],
  })
  const file = writeConfig(folder, config)
  const started = await startAtlas(t, file, { env: { PROVIDER_KEY: script.key, ...env } })
  const admin: Selling['admin'] = async (method, path, body) => (await fetched(started.adminUrl + path, method, { body })).json
  const keyOf = async (wish: object): Promise<string> => String((await admin('POST', '/api/keys', wish)).key)
  const consumer = await keyOf({ credits: '$1000' })
  const owner = await keyOf({ owner: 'operator' })
  const ask: Selling['ask'] = (method, path, options) => fetched(started.publicUrl + path, method, options)
  return {
    ...{ account, started, folder, file, consumer, owner, ask, admin },
    offers: async () => ((await ask('GET', '/catalog')).json.apis as { operations: Offer[] }[]).flatMap(({ operations }) => operations),
    call: ({ method, example }, { key = consumer, body = example.body ?? undefined, query = new URLSearchParams(example.query).toString() } = {}) =>
      ask(method, example.path + (query === '' ? '' : `?${query}`), { headers: bearer(key), ...(body === undefined ? {} : { body }) }),
    row: async () => ((await admin('GET', '/api/status')).connections as Record<string, number>[])[0] as Record<string, number>,
    balance: async () => String((await ask('GET', '/credits', { headers: bearer(consumer) })).json.balance),
  }
}
