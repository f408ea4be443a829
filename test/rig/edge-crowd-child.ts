/**
 * A crowd of clients in a process of its own: arguments are the gateway's URL, a key, how many connections are idle and how
 * many read nothing of a long answer. `come` on stdin opens them, `leave` ends them; each is answered by a line once it is done.
 */

import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

const [url = '', key = '', idle = '0', deaf = '0'] = process.argv.slice(2)
const port = Number(new URL(url).port)
const AT_ONCE = 100

let open: Socket[] = []
let lost = 0

/** Resolves once the connection stands and what was sent is answered, where something was. */
const come = (sent: string, reads: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      if (sent === '') return resolve()
      socket.write(sent)
      // Who does not read is there once the answer has begun.
      socket.once('readable', () => {
        if (reads) socket.resume()
        resolve()
      })
    })
    socket.once('error', reject)
    socket.on('close', () => {
      lost += 1
    })
    open.push(socket)
  })

async function each(count: number, one: (at: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < count; at += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, more) => one(at + more)))
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'come') {
    lost = 0
    // One half was never heard of, the other has asked before.
    await each(Number(idle), (at) => come(at % 2 === 0 ? '' : 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', true))
    await each(Number(deaf), () => come(`GET /acme/feed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`, false))
  } else if (line === 'leave') {
    const gone = open.map((socket) => new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve()))))
    const held = open.length - lost
    for (const socket of open) socket.destroy()
    await Promise.all(gone)
    open = []
    process.stdout.write(`${JSON.stringify({ held })}\n`)
    continue
  } else break
  process.stdout.write(`${JSON.stringify({ came: open.length - lost })}\n`)
}
process.exit()
