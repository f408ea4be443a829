/** One request of a soak as its client knows it, and how it is sent. What was told is kept small: there are hundreds of thousands. */
import { createHash } from 'node:crypto'
import type { Dispatcher } from 'undici'
import { parseUsd } from '#contract'

/** Who pays for it, by a key. */
export interface Spender {
  readonly id: string
  readonly key: string
  /** Whose entries its statement shows. */
  readonly account: string
  /** Micro-dollars that it was given or has bought; undefined for an owner. */
  readonly credits: bigint | undefined
}

export interface Asked {
  readonly number: number
  /** What the client meant to do: the rows of the verdict's table. */
  readonly kind: string
  readonly spender: Spender | undefined
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly name: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Units that it may take. */
  readonly units: number
  /** Until the client goes, where it does. */
  readonly leavesAfterMs: number | undefined
}

/** `down`: nobody took the connection, so that nothing was asked. `open`: it ended before an answer. */
export type Status = number | 'open' | 'down'

export interface Told {
  status: Status
  code: string | undefined
  receipt: string | undefined
  price: bigint | undefined
  digest: string
  replayed: boolean
  /** The answer came to its end. */
  whole: boolean
  /** The client went before that. */
  left: boolean
}

export interface Call extends Asked, Told {
  /** Which process of the gateway was asked. */
  life: number
}

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 12)

const NOTHING: Told = { status: 'open', code: undefined, receipt: undefined, price: undefined, digest: '', replayed: false, whole: false, left: false }

/** Refused before a byte of it could leave. */
const isDown = (error: unknown): boolean => {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return [code, cause?.code].some((one) => one === 'ECONNREFUSED' || one === 'UND_ERR_CONNECT_TIMEOUT')
}

export function codeIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { code?: string }).code
  } catch {
    return undefined
  }
}

/** Never throws: what went wrong is what was told. */
export async function send(dispatcher: Dispatcher, origin: string, asked: Asked, read: (text: string) => void = () => undefined): Promise<Told> {
  const { method, path, body, name, spender, headers, leavesAfterMs } = asked
  const told = { ...NOTHING }
  const leaving = new AbortController()
  const timer = leavesAfterMs === undefined ? undefined : setTimeout(() => leaving.abort(), leavesAfterMs)
  try {
    const response = await dispatcher.request({
      ...{ origin, path, method: method as 'GET', signal: leaving.signal },
      headers: {
        ...(spender === undefined ? {} : { authorization: `Bearer ${spender.key}` }),
        ...(name === undefined ? {} : { 'idempotency-key': name }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    const header = (field: string): string | undefined => response.headers[field]?.toString()
    told.status = response.statusCode
    told.receipt = header('x-atlas-receipt')
    told.price = parseUsd(header('x-atlas-price') ?? '')
    told.replayed = header('x-atlas-replayed') === 'true'
    const text = await response.body.text()
    told.whole = true
    told.digest = digestOf(text)
    read(text)
    if (response.statusCode >= 400) told.code = codeIn(text)
  } catch (error) {
    told.left = leaving.signal.aborted
    if (told.status === 'open' && isDown(error)) told.status = 'down'
  } finally {
    clearTimeout(timer)
  }
  return told
}

/** Nobody was told how it ended: it may have been charged, or taken units. */
export const isUncertain = ({ status, code, left, whole }: Told): boolean =>
  status !== 'down' && (left || !whole || status === 'open' || code === 'unavailable' || code === 'payment_pending')
