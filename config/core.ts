/** Every setting of gateway.config.yml but those of plugins and connections: name, kind, default and description, declared once. */

import { connectionFields, NAME } from './connection-fields.ts'
import type { Fields } from './fields.ts'

/** The fields of a certificate. */
const certificate = {
  cert: { type: 'string', example: './tls/cert.pem', describe: 'File with the certificate, then those above it, PEM; read again when it changes' },
  key: { type: 'string', example: './tls/key.pem', describe: 'File with its private key, PEM, without a passphrase; read again when it changes' },
} as const satisfies Fields

const serving = {
  listen: { type: 'listen', default: '127.0.0.1:8080', describe: 'Where consumers come in' },
  admin: {
    type: 'section',
    describe: 'Where the operator comes in',
    of: {
      listen: { type: 'listen', default: '127.0.0.1:8081', describe: 'Address and port of the admin side' },
      token: { type: 'secret', optional: true, describe: 'Without one only loopback peers are let in; beyond loopback a token is required' },
      tls: {
        type: 'section',
        optional: true,
        of: certificate,
        describe: 'Serves https on the admin port; without it the certificate of tls is used, where there is one',
      },
    },
  },
  tls: {
    type: 'section',
    optional: true,
    of: certificate,
    describe: 'Serves https where consumers come in, and on the admin port unless admin.tls says otherwise',
  },
  mode: { type: 'choice', of: ['sandbox', 'live'], default: 'sandbox', describe: 'sandbox: simulated providers and play money; live: the real thing' },
  store: {
    type: 'section',
    describe: 'Hot state: quotas, limits, balances, used payments',
    of: {
      driver: { type: 'choice', of: ['embedded', 'redis'], default: 'embedded', describe: 'embedded: one process; redis: many processes' },
      path: { type: 'string', default: './data', describe: 'Folder of the embedded store, of call logs and of keys that sign receipts' },
      url: { type: 'secret', optional: true, describe: 'Address of Redis, such as redis://127.0.0.1:6379' },
      replay_mb: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 256, describe: 'Megabytes of stored answers; oldest out first' },
      name: { type: 'string', pattern: NAME, default: 'atlas', describe: 'Name of the gateway; several processes with one name share everything' },
      durability: { type: 'choice', of: ['strict', 'relaxed'], default: 'strict', describe: 'strict: a charge is on disk before its answer leaves' },
      archive: { type: 'string', optional: true, describe: 'Folder to which old parts of the journal are moved; without one they stay where they are' },
      archive_after: { type: 'duration', default: '90d', describe: 'How old a part of the journal must be to be moved' },
    },
  },
  ledger: {
    type: 'section',
    describe: 'The books',
    of: {
      driver: { type: 'choice', of: ['embedded', 'postgres'], default: 'embedded', describe: 'Where the books are kept' },
      path: { type: 'string', default: './data', describe: 'Folder of the embedded books' },
      url: { type: 'secret', optional: true, describe: 'Address of PostgreSQL, such as postgres://atlas@127.0.0.1/atlas' },
    },
  },
} as const satisfies Fields

const keeping = {
  vault: {
    type: 'section',
    describe: 'Credentials at rest, in vault.json of store.path; the master key is ATLAS_MASTER_KEY, or one of these',
    of: {
      key_file: {
        type: 'string',
        optional: true,
        describe: 'File of mode 0600 with the master key, 64 hex digits; default: master.key in store.path, made when first needed',
      },
      key_command: {
        type: 'strings',
        optional: true,
        example: '[my-kms, decrypt, atlas]',
        describe: 'Program and arguments that print the master key; run without a shell, for at most 10 s',
      },
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
      floor: { type: 'percent', default: '80%', describe: 'A connection that serves fewer of its last 200 calls is paused, but never the last of its pool' },
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
      connections: { type: 'integer', minimum: 1, default: 20_000, describe: 'Open connections, in equal parts of the workers' },
      connections_per_address: { type: 'integer', minimum: 1, default: 2000, describe: 'Open connections of one address, in equal parts of the workers' },
      concurrent_per_consumer: { type: 'integer', minimum: 1, default: 50, describe: 'Calls of one consumer at once' },
    },
  },
  workers: {
    type: 'integer',
    minimum: 1,
    maximum: 1024,
    default: 1,
    describe: 'Processes that serve consumers on the one port, beside one for the operator and the ledger; more than 1 need a Redis store',
  },
  public_url: {
    type: 'string',
    optional: true,
    describe: 'Where consumers reach the gateway, such as https://api.example; default: the address that it listens on',
  },
  trusted_proxies: { type: 'strings', default: [], describe: 'Addresses or networks whose X-Forwarded-For counts, such as 10.0.0.0/8' },
} as const satisfies Fields

const telling = {
  webhooks: {
    type: 'list',
    of: {
      type: 'section',
      of: {
        url: { type: 'string', example: 'https://ops.example/hook', describe: 'URL that is called' },
        secret: { type: 'secret', optional: true, describe: `Signs what is sent, by Standard Webhooks: \${WEBHOOK_SECRET} or vault:NAME, whsec_ and base64` },
      },
      describe: 'A receiver of notices',
    },
    example: `[{ url: https://ops.example/hook, secret: "\${WEBHOOK_SECRET}" }]`,
    optional: true,
    describe: 'Where the operator hears of all that owners hear of, and of settlements that stay unknown',
  },
} as const satisfies Fields

const paying = {
  payout: {
    type: 'section',
    optional: true,
    describe: 'Paying owners on chain',
    of: {
      signer: { type: 'secret', describe: 'Private key of the wallet that pays, 64 hex digits, or vault:NAME' },
      rpc: { type: 'secret', describe: 'JSON-RPC node that payouts are sent through' },
      min: { type: 'money', default: '$10', describe: 'Smallest payout' },
      every: { type: 'duration', optional: true, describe: 'Pays by itself, this far apart; without it by atlas payout run' },
    },
  },
} as const satisfies Fields

const folders = {
  adapter_dirs: { type: 'strings', default: [], describe: 'More folders with adapters, relative to this file' },
  plugin_dirs: { type: 'strings', default: [], describe: 'More folders with plugins, relative to this file' },
} as const satisfies Fields

const route = {
  path: { type: 'string', pattern: '^/[A-Za-z0-9_-]+/\\*$', example: '/nansen/*', describe: 'First segment of the path, such as /nansen/*' },
  adapter: { type: 'string', example: 'nansen', optional: true, describe: 'All connections of this adapter, or a custom API' },
  connection: { type: 'string', optional: true, describe: 'This connection alone' },
  plugins: { type: 'chain', optional: true, describe: 'Replaces the chain for this route' },
  overrides: { type: 'overrides', optional: true, describe: 'Changes settings of single plugins of the chain' },
} as const satisfies Fields

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
      of: { type: 'section', of: route, describe: 'A route' },
      example: '[{ path: /nansen/*, adapter: nansen }]',
      optional: true,
      describe: 'Without it every adapter gets /<adapter>/*, every custom connection /<name>/*',
    },
    ...guarding,
    ...paying,
    ...keeping,
    ...folders,
    ...telling,
  }) as const satisfies Fields

export type CoreFields = ReturnType<typeof coreFields>
export type RouteFields = typeof route
export const folderFields = folders
