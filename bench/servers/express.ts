/** express with http-proxy-middleware, which opens a connection for each request unless an agent keeps them: here one does. */

import { Agent, createServer } from 'node:http'
import { peer } from './peer.ts'
import { ready } from './ready.ts'

const [{ default: express }, { createProxyMiddleware }] = await Promise.all([peer('express'), peer('http-proxy-middleware')])
const app = express()
app.use('/nansen', createProxyMiddleware({ target: `http://127.0.0.1:${process.argv[2]}`, agent: new Agent({ keepAlive: true }) }))
ready(createServer(app))
