/** Every setting of an item of `api_connections`, its operations and failures included, declared once. */

import type { Field, Fields } from './fields.ts'

/** The adapter that a connection describes itself. */
export const CUSTOM = 'custom'

/** A name that can stand in a path, a key and a table. */
export const NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'ANY'] as const

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

const operation = {
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
  cache: {
    type: 'duration',
    optional: true,
    describe: 'How long the contract with the provider lets an answer be given again, by the plugin cache; default: not at all',
  },
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

const quota = {
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
} as const satisfies Fields

const ownership = {
  owner: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$', default: 'operator', describe: 'Who owns the subscription and earns' },
  notify: {
    type: 'section',
    optional: true,
    describe: 'How the owner hears of paused connections, refused keys, quota at 50, 80 and 95 %, payouts',
    of: {
      webhook: { type: 'string', example: 'https://alice.example/hook', describe: 'URL that is called' },
      secret: { type: 'secret', optional: true, describe: `Signs what is sent, by Standard Webhooks: \${WEBHOOK_SECRET} or vault:NAME, whsec_ and base64` },
    },
  },
  pay_to: { type: 'address', optional: true, describe: "The owner's wallet, for payouts" },
  resale_terms: {
    type: 'string',
    pattern: '^(confirmed|agreement:\\S.*)$',
    example: 'confirmed or agreement:REF',
    optional: true,
    describe: 'confirmed: the terms allow what they ask about; agreement:REF: a written agreement opens all',
  },
} as const satisfies Fields

const place = {
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
} as const satisfies Fields

export const connectionFields = <N extends readonly string[]>(adapters: N) =>
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
    ...quota,
    ...ownership,
    ...place,
  }) as const satisfies Fields

export type ConnectionFields = ReturnType<typeof connectionFields>
export type OperationFields = typeof operation
