/** The least that a proxy can do: node:http in front, undici's dispatch behind, raw headers both ways, nothing else. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { ready } from './ready.ts'

const PREFIX = '/nansen'
const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`)

/** The older form of handler: it gets the headers as the parser left them. */
const answerTo = (response: ServerResponse): Dispatcher.DispatchHandler => {
  let resume = (): void => undefined
  response.on('drain', () => resume())
  return {
    onConnect: () => undefined,
    onHeaders: (status, headers, again) => {
      resume = again
      response.writeHead(
        status,
        headers.map((part) => part.toString('latin1')),
      )
      return true
    },
    onData: (chunk) => response.write(chunk),
    onComplete: () => response.end(),
    onError: () => {
      if (!response.headersSent) response.writeHead(502)
      response.end()
    },
  }
}

const forward = (request: IncomingMessage, response: ServerResponse): boolean =>
  pool.dispatch(
    {
      path: (request.url ?? '/').slice(PREFIX.length),
      method: request.method as Dispatcher.HttpMethod,
      headers: request.rawHeaders,
      body: request.method === 'GET' ? null : request,
    },
    answerTo(response),
  )

ready(createServer(forward))
