/**
 * One simulated connection: a provider's account with a credential and a quota. It answers as the adapter says the provider does:
 * credential, operation, form, quota and pace are looked at in this order.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Adapter, Clock, CredentialPlace, FailureMeaning, FailureRule } from '#contract'
import type { Asked, Routes } from './routes.ts'
import { usageAnswer, usageCheck } from './usage.ts'

export interface SimulatedConnection {
  readonly name: string
  readonly adapter: Adapter
  readonly credential: string
  /** Units that the account has in all; `Infinity` for no end. */
  readonly quota: number
}

/** What is sent: `headers` is a flat list of names and values. */
interface Reply {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
}

export interface SimulatedProvider {
  answer(asked: Asked, headers: IncomingHttpHeaders): Reply
  /** Counts the units of a call without looking at anything else; what the answer would say. */
  bill(asked: Asked): Buffer
  used(): number
}

const NANOSECONDS = 1e9
/** Where the adapter lists no such failure. */
const USUAL_STATUS: Readonly<Partial<Record<FailureMeaning, number>>> = {
  'bad-request': 400,
  'not-found': 404,
  'rate-limited': 429,
  'quota-exhausted': 403,
  'credential-refused': 401,
}

export function simulateProvider(
  connection: SimulatedConnection,
  options: { routes: Routes; clock: Clock; paced: boolean; usedBefore: number },
): SimulatedProvider {
  const { adapter, credential, quota } = connection
  const { routes } = options
  const shows = credentialCheck(adapter.credential, credential)
  const takeTurn = options.paced && adapter.rateLimit?.perSecond !== undefined ? bucket(adapter.rateLimit.perSecond, options.clock) : () => true
  const failures = new Map<FailureMeaning, Reply>()
  const fail = (meaning: FailureMeaning): Reply => {
    const known = failures.get(meaning) ?? failureReply(adapter, meaning)
    failures.set(meaning, known)
    return known
  }
  const { usage } = adapter.quota
  const asksUsage = usageCheck(adapter, credential)
  const remaining = adapter.quota.remaining?.header
  let used = options.usedBefore
  let answered = 0

  return {
    answer(asked, headers) {
      const isUsage = usage !== undefined && asksUsage(asked)
      const verdict = isUsage ? undefined : routes(asked)
      const isKnown = isUsage && adapter.credential.in === 'path'
      if (!isKnown && !shows(asked, headers, verdict?.credential)) return fail('credential-refused')
      if (isUsage && Number.isFinite(quota)) return jsonReply(usageAnswer(usage, { quota, used, nowMs: options.clock.nowMs() }))
      if (verdict === undefined) return fail('not-found')
      if (verdict.units === undefined) return fail('bad-request')
      if (used + verdict.units > quota) return fail('quota-exhausted')
      if (!takeTurn()) return fail('rate-limited')
      used += verdict.units
      answered += 1
      const reply = jsonHeaders(verdict.sample.length)
      reply.push('x-request-id', `simulated-${answered}`, 'set-cookie', 'session=simulated; Path=/; HttpOnly')
      if (remaining !== undefined && Number.isFinite(quota)) reply.push(remaining, String(quota - used))
      return { status: 200, headers: reply, body: verdict.sample }
    },
    bill(asked) {
      const verdict = routes(asked)
      used += verdict?.units ?? 0
      return verdict?.sample ?? Buffer.from('{}')
    },
    used: () => used,
  }
}

/** Marks that the gateway has to keep from its consumers are on every answer. */
const jsonHeaders = (length: number, type = 'application/json'): string[] => [
  'content-type',
  type,
  'content-length',
  String(length),
  'server',
  'simulated-provider',
]

const jsonReply = (said: unknown): Reply => {
  const body = Buffer.from(JSON.stringify(said))
  return { status: 200, headers: jsonHeaders(body.length), body }
}

type CredentialCheck = (asked: Asked, headers: IncomingHttpHeaders, inPath: string | undefined) => boolean

function credentialCheck(place: CredentialPlace, credential: string): CredentialCheck {
  switch (place.in) {
    case 'none':
      return () => true
    case 'header': {
      const name = place.name.toLowerCase()
      return (_asked, headers) => headers[name] === credential
    }
    case 'bearer':
      return (_asked, headers) => headers.authorization === `Bearer ${credential}`
    case 'basic': {
      const expected = `Basic ${Buffer.from(credential).toString('base64')}`
      return (_asked, headers) => headers.authorization === expected
    }
    case 'query':
      return (asked) => new URLSearchParams(asked.query).get(place.name) === credential
    case 'path':
      return (asked, _headers, inPath) => (inPath ?? firstSegment(asked.path)) === credential
  }
}

const firstSegment = (path: string): string => path.split('/', 2)[1] ?? ''

/** A full bucket holds one second's worth of calls. */
function bucket(perSecond: number, clock: Clock): () => boolean {
  let tokens = perSecond
  let filledAtNs = clock.monotonicNs()
  return () => {
    const nowNs = clock.monotonicNs()
    tokens = Math.min(perSecond, tokens + ((nowNs - filledAtNs) / NANOSECONDS) * perSecond)
    filledAtNs = nowNs
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}

/** The first listed failure of that meaning, else what HTTP has for it. */
function failureReply(adapter: Adapter, meaning: FailureMeaning): Reply {
  const rule = adapter.failures.find((candidate) => candidate.means === meaning)
  const status = typeof rule?.status === 'number' ? rule.status : rule?.status === '2xx' ? 200 : (USUAL_STATUS[meaning] ?? 500)
  const said = failureSample(rule, meaning)
  const isText = typeof said === 'string'
  const body = Buffer.from(isText ? said : JSON.stringify(said))
  const headers = jsonHeaders(body.length, isText ? 'text/plain' : undefined)
  if (meaning === 'rate-limited') headers.push('retry-after', '1')
  return { status, headers, body }
}

function failureSample(rule: FailureRule | undefined, meaning: FailureMeaning): unknown {
  return rule?.sample ?? { error: rule?.bodyHas ?? meaning.replaceAll('-', ' ') }
}
