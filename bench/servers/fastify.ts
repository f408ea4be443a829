/** @fastify/http-proxy as it comes: one prefix, no hooks, no log. */

import { peer } from './peer.ts'
import { announce } from './ready.ts'

const [{ default: fastify }, { default: proxy }] = await Promise.all([peer('fastify'), peer('@fastify/http-proxy')])
const app = fastify({ keepAliveTimeout: 60_000 })
app.register(proxy, { upstream: `http://127.0.0.1:${process.argv[2]}`, prefix: '/nansen' })
await app.listen({ port: 0, host: '127.0.0.1' })
announce(app.server)
