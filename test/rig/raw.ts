/** HTTP by hand: bytes as they are on a socket, so that a test can say what no client library would. */

import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Answer } from './gateway.ts'

export interface RawAnswer extends Answer {
  /** The header section as received, for what a list of names hides. */
  readonly head: string
}

export interface RawConnection {
  readonly socket: Socket
  send(text: string | Buffer): void
  /** The next whole answer on the connection; one to HEAD has no body, whatever its length says. @throws Error when it ends before */
  answer(to?: 'HEAD'): Promise<RawAnswer>
  /** Resolves with what came after the last answer once the other side has closed. */
  closed(): Promise<string>
}

const WITHIN_MS = 10_000

/** One connection to the port of a URL; over TLS with whoever is there, where it is https. */
export async function rawConnection(url: string): Promise<RawConnection> {
  const { hostname, port, protocol } = new URL(url)
  const secure = protocol === 'https:'
  const to = { host: hostname, port: Number(port), noDelay: true }
  const socket: Socket = secure ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
  let got = Buffer.alloc(0)
  let ended: string | undefined
  let wake = (): void => undefined
  socket.on('data', (chunk) => {
    got = Buffer.concat([got, chunk])
    wake()
  })
  const end = (why: string): void => {
    ended ??= why
    wake()
  }
  socket.on('end', () => end('closed by the other side'))
  socket.on('error', (error) => end(`error ${(error as NodeJS.ErrnoException).code}`))
  socket.on('close', () => end('closed'))
  await new Promise<void>((resolve) => socket.once(secure ? 'secureConnect' : 'connect', () => resolve()))
  const more = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing more came within ${WITHIN_MS} ms after ${JSON.stringify(got.toString('latin1'))}`)), WITHIN_MS)
      wake = () => {
        clearTimeout(timer)
        wake = () => undefined
        resolve()
      }
    })
  return {
    socket,
    send: (text) => void socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text),
    async answer(to) {
      for (;;) {
        const parsed = parse(got, to === 'HEAD')
        if (parsed !== undefined) {
          got = got.subarray(parsed.length)
          return parsed.answer
        }
        if (ended !== undefined) throw new Error(`the connection ended (${ended}) after ${JSON.stringify(got.toString('latin1'))}`)
        await more()
      }
    },
    async closed() {
      while (ended === undefined) await more()
      return got.toString('latin1')
    },
  }
}

/** One request on a connection of its own. */
export async function raw(url: string, text: string | Buffer): Promise<RawAnswer> {
  const connection = await rawConnection(url)
  try {
    connection.send(text)
    return await connection.answer()
  } finally {
    connection.socket.destroy()
  }
}

/** Answers with a content-length, chunked ones, and those without a body. */
function parse(bytes: Buffer, bare: boolean): { answer: RawAnswer; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = bytes.toString('latin1', 0, end)
  const [first = '', ...lines] = head.split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  const status = Number(first.split(' ')[1])
  const body = bytes.subarray(end + 4)
  const read = bare ? { text: '', length: 0 } : headers['transfer-encoding'] === 'chunked' ? chunked(body) : plain(body, status, headers)
  if (read === undefined) return undefined
  const { text, length } = read
  const answer: RawAnswer = {
    ...{ status, headers, text, head },
    get json() {
      return JSON.parse(text) as Record<string, unknown>
    },
  }
  return { answer, length: end + 4 + length }
}

interface Body {
  readonly text: string
  readonly length: number
}

function plain(body: Buffer, status: number, headers: Readonly<Record<string, string>>): Body | undefined {
  const length = status === 204 || status === 304 || status < 200 ? 0 : Number(headers['content-length'] ?? 0)
  return body.length < length ? undefined : { text: body.toString('utf8', 0, length), length }
}

function chunked(body: Buffer): Body | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const line = body.indexOf('\r\n', at)
    if (line === -1) return undefined
    const size = Number.parseInt(body.toString('latin1', at, line), 16)
    const next = line + 2 + size + 2
    if (body.length < next) return undefined
    if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), length: next }
    parts.push(body.subarray(line + 2, line + 2 + size))
    at = next
  }
}
