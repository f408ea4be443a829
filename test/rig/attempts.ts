/** A transport by itself, and what is heard of an attempt. */

import type { LookupFunction } from 'node:net'
import type { Connection } from '#contract'
import type { LeakBook } from '../../gateway/engine/leaks.ts'
import { type Attempt, Transport } from '../../gateway/engine/transport.ts'
import { Credentials } from '../../gateway/vault/index.ts'
import { connectionOf, operationOf } from './acme.ts'
import type { Teardown } from './gateway.ts'

export const SECRET = 'the-credential-of-alice'

export interface Heard {
  /** In order: `head 200`, `data …`, `end`, `error …`. */
  readonly events: string[]
  raw: readonly string[]
  sent: boolean | undefined
  resume: () => void
  readonly over: Promise<void>
  readonly attempt: Attempt
}

export interface Sending {
  readonly method?: string
  readonly operation?: string
  readonly streaming?: boolean
  readonly path?: string
  readonly query?: string
  readonly body?: string
  readonly headers?: string[]
  /** Answers of `head` and `data`, in order; true afterwards. */
  readonly says?: boolean[]
}

export interface TransportWish {
  readonly allowPrivate?: boolean
  readonly leaks?: LeakBook
  readonly lookup?: LookupFunction
  readonly bufferBytes?: number
}

export const transportOf = (t: Teardown, { allowPrivate = true, ...more }: TransportWish = {}): Transport => {
  const credentials = new Credentials()
  credentials.set(new Map([['acme', SECRET]]))
  const transport = new Transport({
    place: (connection, request, base) => credentials.place(connection.name, connection.credential, request, base),
    allowPrivate,
    ...more,
  })
  t.teardown(() => transport.close())
  return transport
}

export const at = (url: string, more: Partial<Connection> = {}): Connection => connectionOf('acme', { baseUrl: `${url}/v1`, ...more })

export function send(
  transport: Transport,
  connection: Connection,
  { method = 'GET', path = '/search', query = '', body = '', headers = [], says = [], operation = 'search', streaming = false }: Sending = {},
): Heard {
  let done = (): void => undefined
  const over = new Promise<void>((resolve) => {
    done = resolve
  })
  const heard = { events: [] as string[], raw: [] as readonly string[], sent: undefined as boolean | undefined, resume: (): void => undefined, over }
  const attempt = transport.send(
    { connection, operation: operationOf(operation, { streaming }), method, path, query, headers: [...headers], body: Buffer.from(body) },
    {
      head(status, raw, resume) {
        heard.events.push(`head ${status}`)
        heard.raw = raw
        heard.resume = resume
        return says.shift() ?? true
      },
      data(chunk) {
        heard.events.push(`data ${chunk}`)
        return says.shift() ?? true
      },
      end() {
        heard.events.push('end')
        done()
      },
      error(cause, sent) {
        heard.events.push(`error ${(cause as NodeJS.ErrnoException).code ?? cause.message}`)
        heard.sent = sent
        done()
      },
    },
  )
  return Object.assign(heard, { attempt })
}
