/** Requests of our own, each with a short answer, over kept-alive connections to one origin. Implemented in the engine, beside the way to providers. */

export interface OutboundRequest {
  readonly method: 'GET' | 'POST'
  /** With the query. */
  readonly path: string
  /** JSON; undefined: none. */
  readonly body: string | undefined
  readonly withinMs: number
  /** The most that the answer may be; a longer one is garbage. */
  readonly mostBytes: number
}

/** `unreachable`: nothing of the request has left. Afterwards nobody knows what it did: `slow`, the deadline; `broken`, the connection; `garbage`, too much. */
export type Unanswered = { readonly sent: false; readonly why: 'unreachable' | 'slow' } | { readonly sent: true; readonly why: 'slow' | 'broken' | 'garbage' }

/** Who hears what became of a request, once. */
export interface OutboundEvents {
  answered(status: number, body: string): void
  unanswered(what: Unanswered, cause: Error): void
}

export interface Outbound {
  ask(request: OutboundRequest, events: OutboundEvents): void
  /** What is under way is broken off. */
  close(): void
}
