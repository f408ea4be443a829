/** What is compared: each case is a server in front of the same upstream, asked with the same request. */

import type { Around, Case, Started } from './case.ts'
import { startGateway } from './gateway-case.ts'
import { startNginx } from './nginx.ts'
import { installed, startPeer } from './peers.ts'
import { keyRequest, paidRequest } from './requests.ts'
import { openPostgresBeside, startRedisBeside } from './beside.ts'

export interface Kind {
  /** As the tables name it. */
  readonly title: string
  /** Runs only where it is named. */
  readonly onRequest?: true
  start(around: Around): Promise<Started> | Started
}

const NEEDS_INSTALL = 'npm ci in bench/peers failed, or the package is not there'

const withKey = (port: number): Pick<Case, 'requests'> => ({ requests: [keyRequest(port, 'bench')] })

const plainPeer = (name: string, title: string, needs?: string): [string, Kind] => [
  name,
  {
    title,
    start: ({ upstream }) => (needs === undefined || installed(needs) ? startPeer(name, [upstream.port], withKey) : { name, skipped: NEEDS_INSTALL }),
  },
]

const paidPeer = (name: string, title: string, hasUpstream: boolean): [string, Kind] => [
  name,
  {
    title,
    start: async ({ upstream, facilitatorPort }) =>
      installed('@x402/express')
        ? startPeer(name, [facilitatorPort, hasUpstream ? upstream.port : 0], paidRequest, 'x402-express')
        : { name, skipped: NEEDS_INSTALL },
  },
]

/** In the order of the table. */
export const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  [
    'direct',
    {
      title: 'nothing (the upstream itself)',
      start: ({ upstream: { child, port } }) => ({ name: 'direct', port, pid: child.pid as number, ...withKey(port), stop: async () => undefined }),
    },
  ],
  ['nginx', { title: 'nginx, plain proxy', start: (around) => startNginx('nginx', around.upstream.port) }],
  ['nginx-lua', { title: 'nginx + Lua: keys and shared counters', start: (around) => startNginx('nginx-lua', around.upstream.port) }],
  plainPeer('undici', 'bare undici proxy'),
  plainPeer('fast-gateway', 'fast-gateway 3.4.7 as it comes'),
  plainPeer('fastify', '@fastify/http-proxy', '@fastify/http-proxy'),
  plainPeer('express', 'express + http-proxy-middleware', 'http-proxy-middleware'),
  [
    'gateway-off',
    { title: 'this gateway: chain off', start: ({ upstream }) => startGateway({ name: 'gateway-off', upstreamPort: upstream.port, chain: 'off' }) },
  ],
  [
    'gateway',
    { title: 'this gateway: whole chain, charged, durable, embedded', start: ({ upstream }) => startGateway({ name: 'gateway', upstreamPort: upstream.port }) },
  ],
  [
    'gateway-redis',
    {
      title: 'the same on Redis',
      start: async ({ upstream }) => startGateway({ name: 'gateway-redis', upstreamPort: upstream.port, redis: await startRedisBeside() }),
    },
  ],
  [
    'gateway-redis-postgres',
    {
      title: 'the same on Redis and PostgreSQL',
      start: async ({ upstream }) =>
        startGateway({ name: 'gateway-redis-postgres', upstreamPort: upstream.port, redis: await startRedisBeside(), postgres: await openPostgresBeside() }),
    },
  ],
  [
    'gateway-2',
    {
      title: 'the same on Redis, 2 processes that serve',
      start: async ({ upstream }) => startGateway({ name: 'gateway-2', upstreamPort: upstream.port, redis: await startRedisBeside(), workers: 2 }),
    },
  ],
  /** What durability costs: the same chain, with a disk that only says that it has synced. */
  [
    'unsynced',
    {
      title: 'the same, embedded, on a disk that only says that it has synced',
      onRequest: true,
      start: ({ upstream }) => startGateway({ name: 'unsynced', upstreamPort: upstream.port, preload: './servers/unsynced.js' }),
    },
  ],
  paidPeer('x402-express', '@x402/express, its route answers by itself', false),
  paidPeer('x402-express-upstream', '@x402/express, its route asks the upstream', true),
  [
    'gateway-x402',
    {
      title: 'this gateway: whole chain, paid by x402, durable',
      start: ({ upstream, facilitatorPort }) => startGateway({ name: 'gateway-x402', upstreamPort: upstream.port, facilitatorPort }),
    },
  ],
])
