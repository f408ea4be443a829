/** fast-gateway as it comes: one proxy route, its own http.request proxy, no hooks. */

import gateway from 'fast-gateway'
import type { Protocol } from 'restana'
import { announce } from './ready.ts'

const service = gateway<Protocol.HTTP>({ routes: [{ prefix: '/nansen', target: `http://127.0.0.1:${process.argv[2]}` }] })
const server = await service.start(0, '127.0.0.1')
server.keepAliveTimeout = 60_000
announce(server)
