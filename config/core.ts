/** Every setting of gateway.config.yml but those of plugins: name, kind, default and description, declared once. */

import type { Field, Fields } from './fields.ts'

export const CUSTOM = 'custom'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'ANY'] as const
const NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'

const serving = {
  listen: { type: 'listen', default: '127.0.0.1:8080', describe: 'Where consumers come in' },
  admin: {
    type: 'section',
    describe: 'Where the operator comes in',
    of: {
      listen: { type: 'listen', default: '127.0.0.1:8081', describe: 'Address and port of the admin side' },
      token: { type: 'secret', optional: true, describe: 'Without one only loopback peers are let in; beyond loopback a token is required' },
    },
  },
  mode: { type: 'choice', of: ['sandbox', 'live'], default: 'sandbox', describe: 'sandbox: simulated providers and play money; live: the real thing' },
  store: {
    type: 'section',
    describe: 'Hot state: quotas, limits, balances, used payments',
    of: {
      driver: { type: 'choice', of: ['embedded', 'redis'], default: 'embedded', describe: 'embedded: one process; redis: many processes' },
      path: { type: 'string', default: './data', describe: 'Folder of the embedded store' },
      url: { type: 'string', optional: true, describe: 'Address of Redis, such as redis://127.0.0.1:6379' },
      replay_mb: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 256, describe: 'Megabytes of stored answers; oldest out first' },
      name: { type: 'string', pattern: NAME, default: 'atlas', describe: 'Name of the gateway; several processes with one name share everything' },
      durability: { type: 'choice', of: ['strict', 'relaxed'], default: 'strict', describe: 'strict: a charge is on disk before its answer leaves' },
    },
  },
  ledger: {
    type: 'section',
    describe: 'The books',
    of: {
      driver: { type: 'choice', of: ['embedded', 'postgres'], default: 'embedded', describe: 'Where the books are kept' },
      path: { type: 'string', default: './data', describe: 'Folder of the embedded books' },
      url: { type: 'string', optional: true, describe: 'Address of PostgreSQL' },
    },
  },
} as const satisfies Fields

const guarding = {
  upstream: {
    type: 'section',
    describe: 'How providers are called',
    of: {
      allow_private: { type: 'boolean', default: false, describe: 'Private addresses and plain http:// may be called' },
      timeout: { type: 'duration', default: '30s', describe: 'Over all attempts of a call, until the first byte leaves' },
      buffer: { type: 'size', default: '256KiB', describe: 'An answer up to this size is read whole before money moves' },
    },
  },
  limits: {
    type: 'section',
    describe: 'What one request, address and consumer may take; loopback is exempt from limits by address',
    of: {
      header_bytes: { type: 'size', default: '16KiB', describe: 'All headers of a request' },
      headers: { type: 'integer', minimum: 1, maximum: 10_000, default: 100, describe: 'Number of headers of a request' },
      body: { type: 'size', default: '1MiB', describe: 'Body of a request' },
      headers_within: { type: 'duration', default: '10s', describe: 'Time to send the headers' },
      idle: { type: 'duration', default: '60s', describe: 'A connection without a request is closed after this' },
      connections: { type: 'integer', minimum: 1, default: 20_000, describe: 'Open connections' },
      connections_per_address: { type: 'integer', minimum: 1, default: 2000, describe: 'Open connections of one address' },
      concurrent_per_consumer: { type: 'integer', minimum: 1, default: 50, describe: 'Calls of one consumer at once' },
    },
  },
  trusted_proxies: { type: 'strings', default: [], describe: 'Addresses or networks whose X-Forwarded-For counts, such as 10.0.0.0/8' },
} as const satisfies Fields

/** Named by the contract, not served by this version: the shape is checked, and a warning says that nothing happens. */
const later = {
  tls: {
    type: 'group',
    optional: true,
    describe: 'Certificate and key, as files (not served by this version)',
    of: { cert: { type: 'string', describe: 'Certificate chain, PEM' }, key: { type: 'string', describe: 'Private key, PEM' } },
  },
  payout: {
    type: 'section',
    optional: true,
    describe: 'Paying owners on chain (not served by this version)',
    of: {
      signer: { type: 'secret', describe: 'Key that signs payouts' },
      rpc: { type: 'string', describe: 'Node that payouts are sent through' },
      min: { type: 'money', default: '$10', describe: 'Smallest payout' },
      every: { type: 'duration', default: '1d', describe: 'Time between payouts' },
    },
  },
  webhooks: {
    type: 'list',
    of: { type: 'any', describe: 'A receiver of events' },
    example: '["https://ops.example/hook"]',
    optional: true,
    describe: 'Who hears of events (not served by this version)',
  },
  workers: { type: 'integer', minimum: 1, maximum: 1024, default: 1, describe: 'Processes that serve (this version runs one)' },
} as const satisfies Fields

const folders = {
  adapter_dirs: { type: 'strings', default: [], describe: 'More folders with adapters, relative to this file' },
  plugin_dirs: { type: 'strings', default: [], describe: 'More folders with plugins, relative to this file' },
} as const satisfies Fields

const failure = {
  status: { type: 'status', describe: 'Status of the answer; 2xx for an error inside a success' },
  body_has: { type: 'string', optional: true, describe: 'Text that the body must contain, without regard to case' },
  bodyHas: { type: 'string', optional: true, describe: 'The same, as an adapter file spells it' },
  means: {
    type: 'choice',
    of: ['bad-request', 'not-found', 'rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it', 'provider-down', 'unknown'],
    describe: 'How the answer is read',
  },
  bills: { type: 'boolean', default: true, describe: 'false where the provider does not bill such an answer' },
  sample: { type: 'any', optional: true, describe: 'What the simulator answers to play this failure' },
} as const satisfies Fields

export const operation = {
  id: { type: 'string', pattern: NAME, example: 'search', describe: 'Name of the operation' },
  method: { type: 'choice', of: METHODS, describe: 'ANY is every method but TRACE and CONNECT' },
  path: { type: 'string', pattern: '^/', example: '/address/:address', describe: 'After the base: :name is one segment, a final /** any path below' },
  description: { type: 'string', optional: true, describe: 'For the catalogue' },
  units: { type: 'integer', minimum: 0, maximum: 1_000_000_000, default: 1, describe: 'Units of the quota that one call takes' },
  query: { type: 'members', optional: true, describe: 'Query members; any without it' },
  body: { type: 'members', optional: true, describe: 'Members of the JSON body; any without it' },
  required: { type: 'strings', optional: true, describe: 'Members that must be there' },
  required_any: { type: 'strings', optional: true, describe: 'At least one of these must be there, too' },
  resale: {
    type: 'choice',
    of: ['allowed', 'attribution', 'ask', 'forbidden'],
    default: 'ask',
    describe: "What the provider's terms say of reselling the answer",
  },
  attribution: { type: 'string', optional: true, describe: 'Credit line that the provider asks for' },
  reads: { type: 'boolean', optional: true, describe: 'Calling it twice changes nothing at the provider; default: true for GET and HEAD' },
  streaming: { type: 'boolean', default: false, describe: 'The answer is open-ended: charged before its first byte' },
  own_price: { type: 'money', optional: true, describe: "The provider's own pay-per-call price" },
  example: { type: 'any', optional: true, describe: 'A filled request: params, query, body' },
  sample: { type: 'any', optional: true, describe: 'What the simulator answers' },
} as const satisfies Fields

const credential = {
  type: 'group',
  optional: true,
  describe: 'Where the provider expects its credential',
  of: {
    in: { type: 'choice', of: ['header', 'query', 'path', 'bearer', 'basic', 'none'], describe: 'Place of the credential' },
    name: { type: 'string', pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$", optional: true, describe: 'Name of the header or query member' },
  },
} as const satisfies Field

const connectionFields = <N extends readonly string[]>(adapters: N) =>
  ({
    name: { type: 'string', pattern: NAME, example: 'nansen', describe: 'Name of the connection; also its adapter unless that is written' },
    adapter: {
      type: 'name',
      noun: 'adapter',
      of: [...adapters.filter((name) => name !== CUSTOM), CUSTOM].sort(),
      optional: true,
      describe: 'Whose API it is; default: the name; custom: described here',
    },
    api_key: { type: 'secret', optional: true, describe: `Credential: \${NAME} from the environment, vault:NAME, or text` },
    monthly_quota: {
      type: 'integer',
      example: '10000',
      minimum: 1,
      maximum: 1_000_000_000_000,
      describe: "Units of the subscription, in the provider's own (calls or credits)",
    },
    reserved: { type: 'integer', minimum: 0, default: 0, describe: 'Units kept for the owner; the rest is for sale' },
    base_cost: { type: 'money', optional: true, describe: 'Cost of a unit; default: subscription_cost / monthly_quota' },
    markup: { type: 'factor', default: '3x', describe: 'A consumer pays base_cost x markup a unit' },
    prices: {
      type: 'table',
      of: { type: 'money', describe: 'Price of one call' },
      example: '{ search: $0.40 }',
      optional: true,
      describe: 'Price of one call, by operation, instead of units x base x markup',
    },
    subscription_cost: { type: 'money', optional: true, describe: "What the subscription costs a month; default: the adapter's list price" },
    period: { type: 'choice', of: ['month', 'day', 'none'], optional: true, describe: 'When the quota starts again; none: a grant that never renews' },
    billing_day: { type: 'integer', minimum: 1, maximum: 31, default: 1, describe: 'Day of the month; 29 to 31 mean the last day of shorter months' },
    billing_zone: { type: 'string', default: 'UTC', describe: 'IANA name of the time zone' },
    owner: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$', default: 'operator', describe: 'Who owns the subscription and earns' },
    notify: {
      type: 'section',
      optional: true,
      describe: 'How the owner hears of paused connections, refused keys, quota at 80 %, payouts',
      of: { webhook: { type: 'string', example: 'https://alice.example/hook', describe: 'URL that is called' } },
    },
    pay_to: { type: 'address', optional: true, describe: "The owner's wallet, for payouts" },
    resale_terms: {
      type: 'string',
      pattern: '^(confirmed|agreement:\\S.*)$',
      example: 'confirmed or agreement:REF',
      optional: true,
      describe: 'confirmed: the terms allow what they ask about; agreement:REF: a written agreement opens all',
    },
    base_url: { type: 'string', optional: true, describe: "Replaces the adapter's whole base, path included" },
    credential,
    operations: {
      type: 'list',
      of: { type: 'section', of: operation, describe: 'An operation' },
      example: '[{ id: search, method: GET, path: /search, units: 2 }]',
      optional: true,
      describe: "Adds to the adapter's list",
    },
    failures: {
      type: 'list',
      of: { type: 'section', of: failure, describe: 'A rule' },
      example: '[{ status: 429, means: rate-limited }]',
      optional: true,
      describe: 'How failures of a custom API are read; first match wins',
    },
  }) as const satisfies Fields

const routeFields = (adapters: readonly string[]) =>
  ({
    path: { type: 'string', pattern: '^/[A-Za-z0-9_-]+/\\*$', example: '/nansen/*', describe: 'First segment of the path, such as /nansen/*' },
    adapter: { type: 'name', noun: 'adapter', of: adapters, optional: true, describe: 'All connections of this adapter' },
    connection: { type: 'string', optional: true, describe: 'This connection alone' },
    plugins: { type: 'chain', optional: true, describe: 'Replaces the chain for this route' },
    overrides: { type: 'overrides', optional: true, describe: 'Changes settings of single plugins of the chain' },
  }) as const satisfies Fields

/** All settings, with the names of the adapters that were found. */
export const coreFields = (adapters: readonly string[]) =>
  ({
    ...serving,
    api_connections: {
      type: 'list',
      of: { type: 'section', of: connectionFields(adapters), describe: 'A subscription' },
      example: `[{ name: nansen, api_key: "\${NANSEN_API_KEY}", monthly_quota: 10000, reserved: 3000 }]`,
      describe: 'The subscriptions whose unused part is sold',
    },
    plugins: { type: 'chain', optional: true, describe: 'The chain in front of every route, in this order' },
    routes: {
      type: 'list',
      of: { type: 'section', of: routeFields(adapters), describe: 'A route' },
      example: '[{ path: /nansen/*, adapter: nansen }]',
      optional: true,
      describe: 'Without it every adapter gets /<adapter>/*, every custom connection /<name>/*',
    },
    ...guarding,
    ...folders,
    ...later,
  }) as const satisfies Fields

export type CoreFields = ReturnType<typeof coreFields>
export type ConnectionFields = ReturnType<typeof connectionFields>
export type RouteFields = ReturnType<typeof routeFields>
export type OperationFields = typeof operation
export const folderFields = folders
