/**
 * Answers that plugins keep: one of them takes the same way through the flight as the provider's own, so that it is read, charged
 * and written down alike. What is told to plugins is what a consumer may see.
 */
import type { Alternative, KeptAnswer } from '#contract'
import type { Try } from './attempt.ts'
import type { EngineCall } from './call.ts'
import type { HookError } from './hook-error.ts'
import { answerHeaders, headerOf } from './headers.ts'
import type { EnginePorts } from './ports.ts'
import type { Attempt, OutgoingRequest } from './transport.ts'

const NOTHING = (): void => undefined

/** What a plugin has, or else the provider. What is asked of the provider counts as sent only from then on. */
export function keptOrSent(ports: EnginePorts, call: EngineCall, request: OutgoingRequest, attempt: Try): Attempt | undefined {
  const send = () => ports.health.send(ports.transport, request, attempt.trip)
  let found: undefined | KeptAnswer | Promise<KeptAnswer | undefined>
  try {
    found = call.chain.answer(call, attempt.alternative)
  } catch (error) {
    attempt.error(error as HookError, false)
    return NOT_SENT
  }
  if (found === undefined) return send()
  if (!(found instanceof Promise)) {
    deliver(attempt, found)
    return NOT_SENT
  }
  return new Awaited(found, attempt, send)
}

const NOT_SENT: Attempt = { sent: false, abort: NOTHING }

/** The answer of a call that is under way. */
class Awaited implements Attempt {
  #sent: Attempt | undefined = undefined
  #aborted = false

  constructor(found: Promise<KeptAnswer | undefined>, attempt: Try, send: () => Attempt | undefined) {
    found
      .then((kept) => {
        if (this.#aborted) return
        if (kept === undefined) this.#sent = send()
        else deliver(attempt, kept)
      })
      .catch((error: Error) => (this.#aborted ? undefined : attempt.error(error, false)))
  }

  get sent(): boolean {
    return this.#sent?.sent ?? false
  }

  abort(): void {
    this.#aborted = true
    this.#sent?.abort()
  }
}

function deliver(attempt: Try, kept: KeptAnswer): void {
  attempt.kept = kept
  attempt.head(kept.status, [...kept.headers], NOTHING)
  attempt.data(kept.body)
  attempt.end()
}

/** Seconds since the answer came, as RFC 9111 has it. */
export const ageOf = ({ atMs }: KeptAnswer, nowMs: number): string => String(Math.max(0, Math.floor((nowMs - atMs) / 1000)))

/** Told once an answer is good and whole; one that the provider does not want stored is nobody's to keep. */
export function tellAnswered(ports: EnginePorts, call: EngineCall, from: Try, body: Buffer): void {
  if (from.kept !== undefined || /\bno-store\b/i.test(headerOf(from.rawHeaders, 'cache-control') ?? '')) return
  const chosen: Alternative = from.alternative
  call.chain.answered(call, chosen, { status: from.status, headers: answerHeaders(from.rawHeaders, call.adapter), body, atMs: ports.clock.nowMs() })
}
