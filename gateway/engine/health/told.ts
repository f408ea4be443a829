/**
 * What a provider says of its own limits: RateLimit fields of the IETF drafts, X-RateLimit-*, X-Rate-Limit-*, per second and
 * minute, and Retry-After (RFC 9110, 10.2.3). What cannot be read says nothing.
 */

/** The tightest of the windows that an answer tells of. */
export interface Told {
  readonly remaining: number
  readonly limit: number | undefined
  readonly resetMs: number
}

/** Further names, of one provider. */
export interface RateHeaders {
  readonly remaining: string
  readonly reset: string
}

type Raw = readonly string[]

const FAMILY = /^(?:x-)?rate-?limit(?:-(?:policy|limit|remaining|reset)(?:-(second|minute|hour))?)?$/
const WINDOW_MS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000 }
/** A reset above this is a moment in Unix seconds, or milliseconds. */
const MOMENT_SECONDS = 1e9
const MOMENT_MS = 1e12

export function toldBy(raw: Raw, nowMs: number, own?: RateHeaders): Told | undefined {
  const fields = fieldsOf(raw, own)
  if (fields === undefined) return undefined
  const windows = [...structured(fields), ...plain(fields, nowMs, own)]
  return windows.length === 0 ? undefined : windows.reduce((tightest, one) => (one.remaining < tightest.remaining ? one : tightest))
}

/** Only names of these families are looked at further. */
function fieldsOf(raw: Raw, own: RateHeaders | undefined): Map<string, string> | undefined {
  let fields: Map<string, string> | undefined
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase()
    if (!FAMILY.test(name) && name !== own?.remaining.toLowerCase() && name !== own?.reset.toLowerCase()) continue
    fields ??= new Map()
    if (!fields.has(name)) fields.set(name, raw[at + 1] as string)
  }
  return fields
}

/** `RateLimit: "default";r=50;t=30` (draft 8 and later) and `limit=100, remaining=50, reset=5` (draft 7). */
function* structured(fields: ReadonlyMap<string, string>): Generator<Told> {
  for (const item of (fields.get('ratelimit') ?? '').split(/,(?=\s*(?:"|$))/)) {
    const remaining = whole(/(?:^|[;,\s])r(?:emaining)?=(\d{1,12})\b/.exec(item)?.[1])
    const reset = whole(/(?:^|[;,\s])(?:t|reset)=(\d{1,12})\b/.exec(item)?.[1])
    if (remaining === undefined || reset === undefined) continue
    const name = /^\s*("[^"]*")/.exec(item)?.[1]
    const policy = (fields.get('ratelimit-policy') ?? '').split(/,\s*(?=")/).find((one) => name === undefined || one.startsWith(name))
    const limit = whole(/limit=(\d{1,12})\b/.exec(item)?.[1] ?? /;\s*q=(\d{1,12})\b/.exec(policy ?? '')?.[1])
    yield { remaining, limit, resetMs: reset * 1000 }
  }
}

function* plain(fields: ReadonlyMap<string, string>, nowMs: number, own: RateHeaders | undefined): Generator<Told> {
  const pairs = own === undefined ? [] : [[own.remaining.toLowerCase(), own.reset.toLowerCase(), ''] as const]
  const families = ['ratelimit', 'x-ratelimit', 'x-rate-limit'].map((family) => [`${family}-remaining`, `${family}-reset`, `${family}-limit`] as const)
  for (const [remainingName, resetName, limitName] of [...pairs, ...families]) {
    const limit = whole(fields.get(limitName))
    const reset = whole(fields.get(resetName))
    const remaining = whole(fields.get(remainingName))
    if (remaining !== undefined && reset !== undefined) yield { remaining, limit, resetMs: untilReset(reset, nowMs) }
    for (const [word, windowMs] of Object.entries(WINDOW_MS)) {
      const left = whole(fields.get(`${remainingName}-${word}`))
      // Windows of a named length begin with the clock's second, minute, hour.
      if (left !== undefined) yield { remaining: left, limit: whole(fields.get(`${limitName}-${word}`)), resetMs: windowMs - (nowMs % windowMs) }
    }
  }
}

function untilReset(reset: number, nowMs: number): number {
  if (reset > MOMENT_MS) return Math.max(0, reset - nowMs)
  return reset > MOMENT_SECONDS ? Math.max(0, reset * 1000 - nowMs) : reset * 1000
}

/** Seconds, or a date. */
export function retryAfterMs(raw: Raw, nowMs: number): number | undefined {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.length !== 11 || (raw[at] as string).toLowerCase() !== 'retry-after') continue
    const value = (raw[at + 1] as string).trim()
    if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
    const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value) ? Date.parse(value) : Number.NaN
    return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
  }
  return undefined
}

/** A whole number; of `100, 100;w=60` the first. */
function whole(value: string | undefined): number | undefined {
  const digits = value === undefined ? undefined : /^\s*(\d{1,15})(?:\.\d+)?\s*(?:[,;].*)?$/.exec(value)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
