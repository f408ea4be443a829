/**
 * Receipts for whoever knows their id: what was charged for which answer, signed when asked for, naming no consumer and no
 * connection; and the way to tell the owner that an answer was bad. The doors carry what is answered here.
 */
import { join } from 'node:path'
import { type Books, type ChargedCall, type Clock, formatUsd, isRefusal, type Log, type Refusal, refuse } from '#contract'
import type { Ground } from '../ground/index.ts'
import { type BadAnswer, ReportBook } from './reports.ts'

/** What signs; the keys never come out of it. */
interface ReceiptSigner {
  sign(payload: string): Promise<string>
  pseudonym(name: string): Promise<string>
  jwks(): Promise<object>
}

export interface ReceiptParts {
  readonly books: Pick<Books, 'charged'>
  readonly signer: ReceiptSigner
  readonly clock: Clock
  readonly log: Log
  /** Origin under which consumers reach this gateway, such as https://atlas.example. */
  readonly origin: () => string
  /** Where reports of bad answers are kept. */
  readonly reportsFile: string
  /** Tells the owner; it may fail, the report stands. */
  readonly tell?: (report: BadAnswer) => void
}

/** A request to a page of receipts, as a door has it. */
export interface PageAsk {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly accept: string | undefined
  readonly contentType: string | undefined
  readonly body: Uint8Array
}

export interface PageAnswer {
  readonly status: 200
  readonly type: string
  readonly cache: string
  readonly body: string
}

const ID = /^rc_[0-9a-z]{20,64}$/
const PAGE = /^\/receipts\/([^/]*)(\/report)?$/
const JWKS_PATH = '/.well-known/jwks.json'
/** Looking up reads the disk and signing takes a fraction of a millisecond: so many at once, so many more that wait. */
const AT_ONCE = 8
const WAITING = 64
const REASON_CHARACTERS = 500
/** No control, format or unassigned characters: a reason is shown to people. */
const PRINTABLE = /^[^\p{C}]+$/u

const isPage = (path: string): boolean => path === JWKS_PATH || path.startsWith('/receipts/')

/** Of this ground; a bad answer is told to whose connection gave it. */
export function receiptsOf(ground: Ground): Receipts {
  const { books, signer, clock, log, config, notices } = ground
  const origin = (): string => ground.origin
  const tell = ({ receipt, owner, connection, operation, reason }: BadAnswer): void =>
    notices.tell({ kind: 'bad-answer', owner, connection, detail: `a consumer reports a bad answer of ${operation} (receipt ${receipt}): ${reason}` })
  return new Receipts({ books, signer, clock, log, origin, tell, reportsFile: join(config.store.path, 'reports.jsonl') })
}

export class Receipts {
  readonly #parts: ReceiptParts
  readonly #reports: ReportBook
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(parts: ReceiptParts) {
    this.#parts = parts
    this.#reports = new ReportBook(parts.reportsFile)
  }

  /** Whether `answer` serves this path. */
  static serves(path: string): boolean {
    return isPage(path)
  }

  /** Rejects only where something is lost (books, disk). */
  async answer(ask: PageAsk): Promise<PageAnswer | Refusal> {
    if (ask.path === JWKS_PATH) return ask.method === 'GET' ? this.#keys() : wrongMethod(ask.path, 'GET')
    const [, id = '', report] = PAGE.exec(ask.path) ?? []
    const expected = report === undefined ? 'GET' : 'POST'
    if (!ID.test(id)) return unknown()
    if (ask.method !== expected) return wrongMethod(ask.path, expected)
    const reason = report === undefined ? '' : reasonOf(ask)
    if (isRefusal(reason)) return reason
    return this.#bounded(async () => {
      const charged = await this.#parts.books.charged(id)
      if (charged === undefined) return unknown()
      return report === undefined ? this.#receipt(charged, ask.accept) : this.#report(charged, reason)
    })
  }

  /** For the operator, oldest first. */
  async reported(): Promise<{ reports: readonly BadAnswer[] }> {
    return { reports: await this.#reports.all() }
  }

  async #keys(): Promise<PageAnswer> {
    return json(await this.#parts.signer.jwks(), 'public, max-age=300')
  }

  async #receipt(charged: ChargedCall, accept: string | undefined): Promise<PageAnswer> {
    const payload = await this.#payload(charged)
    const jws = await this.#parts.signer.sign(JSON.stringify(payload))
    if (wantsJws(accept)) return { status: 200, type: 'application/jose', cache: 'no-store', body: jws }
    return json({ receipt: payload, jws })
  }

  async #payload(charged: ChargedCall): Promise<Record<string, unknown>> {
    const { sequence, hash, line } = charged.chain
    return {
      receipt: charged.receipt,
      at: new Date(charged.atMs).toISOString(),
      api: charged.api,
      operation: charged.operation,
      request_digest: charged.requestDigest,
      answer_digest: charged.answerDigest,
      units: charged.units,
      price: formatUsd(charged.price),
      split: { owner_share: formatUsd(charged.price - charged.platformShare), platform_share: formatUsd(charged.platformShare) },
      connection: await this.#parts.signer.pseudonym(charged.connection),
      config: charged.config,
      generation: charged.generation,
      paid_by: charged.by,
      ...(charged.transaction === undefined ? {} : { transaction: charged.transaction }),
      chain: { sequence, hash, line },
      iss: this.#parts.origin(),
      iat: Math.floor(this.#parts.clock.nowMs() / 1000),
    }
  }

  async #report({ receipt, owner, connection, api, operation }: ChargedCall, reason: string): Promise<PageAnswer> {
    const at = new Date(this.#parts.clock.nowMs()).toISOString()
    const { report, already } = await this.#reports.file({ receipt, at, owner, connection, api, operation, reason })
    if (!already) {
      this.#parts.log.warn({ receipt, owner, connection, reason }, 'a consumer reports a bad answer')
      this.#parts.tell?.(report)
    }
    return json({ receipt, reported_at: report.at, already })
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T | Refusal> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= WAITING) return refuse('rate_limited', 'too many receipts are being asked for at once', { retryAfterSeconds: 1 })
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running += 1
    try {
      return await work()
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}

const json = (value: object, cache = 'no-store'): PageAnswer => ({ status: 200, type: 'application/json', cache, body: JSON.stringify(value) })

const unknown = (): Refusal => refuse('unknown_route', 'there is no such receipt; its id is in X-Atlas-Receipt of a charged answer')

const wrongMethod = (path: string, allow: string): Refusal => refuse('method_not_allowed', `${path} takes ${allow}`, { headers: { allow } })

/** Only where it is named: whoever takes anything gets JSON. */
const wantsJws = (accept = ''): boolean => accept.split(',').some((range) => /^\s*application\/jose\s*(;(?!\s*q=0(\.0*)?\s*$)|$)/i.test(range))

function reasonOf({ contentType = '', body }: PageAsk): string | Refusal {
  const wrong = (detail: string): Refusal => refuse('bad_request', detail)
  if (!/^application\/json\s*(;|$)/i.test(contentType)) return wrong('a report is JSON: send content-type application/json and {"reason": "…"}')
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return wrong('the body is no JSON; expected {"reason": "…"}')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).join() !== 'reason' || !('reason' in value))
    return wrong('the body must be {"reason": "…"} and nothing else')
  const { reason } = value
  if (typeof reason !== 'string' || reason.trim() === '' || [...reason].length > REASON_CHARACTERS || !PRINTABLE.test(reason))
    return wrong(`reason must be 1 to ${REASON_CHARACTERS} printable characters on one line`)
  return reason
}
