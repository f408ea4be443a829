/** Every way in which a call can be turned away: one table; docs, problem types and tests are made from it. */

export const refusals = {
  bad_request: { status: 400, transient: false, title: 'The request is malformed', fix: 'Correct what detail names, then send the call again.' },
  unauthenticated: { status: 401, transient: false, title: 'The key is not valid', fix: 'Use a key that exists, is not expired and not revoked.' },
  payment_required: { status: 402, transient: false, title: 'This call has to be paid for', fix: 'Pay the offer by x402, or send a key with credits.' },
  payment_invalid: { status: 402, transient: false, title: 'The payment does not fit', fix: 'Sign a new payment for the offer in this answer.' },
  insufficient_credits: { status: 402, transient: false, title: 'The balance is too small', fix: 'Add credits to the key, or pay the offer by x402.' },
  price_above_max: {
    status: 402,
    transient: false,
    title: 'The price is above the limit that the call named',
    fix: 'Raise X-Atlas-Max-Price or wait for a lower price.',
  },
  blocked: {
    status: 403,
    transient: true,
    title: 'Calls from here are blocked',
    fix: 'Stop, and correct what detail names; where there is a Retry-After, wait for it.',
  },
  unknown_route: { status: 404, transient: false, title: 'There is no such route', fix: 'See GET /catalog for what is on sale.' },
  unknown_operation: { status: 404, transient: false, title: 'There is no such operation', fix: 'See GET /catalog for what is on sale.' },
  method_not_allowed: { status: 405, transient: false, title: 'The operation has another method', fix: 'Use a method named in Allow.' },
  idempotency_conflict: {
    status: 409,
    transient: false,
    title: 'The name was used for another request',
    fix: 'Use a new Idempotency-Key or payment for a new request.',
  },
  replay_unavailable: {
    status: 409,
    transient: false,
    title: 'The stored answer is gone',
    fix: 'Make a new call under a new name if the data is still needed.',
  },
  body_too_large: { status: 413, transient: false, title: 'The body is too large', fix: 'Send a smaller body.' },
  headers_too_large: { status: 431, transient: false, title: 'The headers are too large', fix: 'Send fewer or shorter headers.' },
  rate_limited: { status: 429, transient: true, title: 'Too many calls', fix: 'Wait for Retry-After, then send the same call again.' },
  sold_out: { status: 503, transient: true, title: 'No units for sale', fix: 'Wait for Retry-After, or choose another API.' },
  upstream_error: { status: 502, transient: true, title: 'The provider did not answer well', fix: 'Try again later; nothing was charged.' },
  upstream_timeout: { status: 504, transient: true, title: 'The provider did not answer in time', fix: 'Try again later; nothing was charged.' },
  payment_pending: {
    status: 503,
    transient: true,
    title: 'The outcome of the payment is not known yet',
    fix: 'Wait for Retry-After, then send the same call with the same payment or Idempotency-Key.',
  },
  unavailable: { status: 503, transient: true, title: 'A part of the gateway is out of reach', fix: 'Try again later; nothing was charged.' },
} as const satisfies Record<string, { status: number; transient: boolean; title: string; fix: string }>

export type RefusalCode = keyof typeof refusals

/**
 * A refusal is a value. `detail` is for the consumer; `cause` is for the log only, and nothing copies one into the other.
 * `answer` is sent beside the problem (headers such as Allow, members such as the v1 offer).
 */
export interface Refusal {
  readonly code: RefusalCode
  readonly detail: string
  readonly cause?: unknown
  readonly retryAfterSeconds?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly members?: Readonly<Record<string, unknown>>
  /** Digest of a payment header that does not fit what is offered now: where it has paid before, its answer is still its own. */
  readonly payment?: string
}

export type RefusalExtras = Omit<Refusal, 'code' | 'detail'>

export const refuse = (code: RefusalCode, detail: string, more: RefusalExtras = {}): Refusal => ({ code, detail, ...more })

export const isRefusal = (value: unknown): value is Refusal => typeof value === 'object' && value !== null && 'code' in value && 'detail' in value

/** The default branch of a switch over a union: a new member is a compile error. */
export const unreachable = (never: never): never => {
  throw new Error(`unreachable: ${JSON.stringify(never)}`)
}
