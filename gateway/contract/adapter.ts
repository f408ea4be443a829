/** What a provider's file says: mostly data. One file gives routes, prices, catalogue entry, simulator and contract tests. */

import type { Units } from './money.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** Where the provider expects its credential (path: the first segment after the base; a usage endpoint may have it elsewhere). */
export type CredentialPlace =
  | { readonly in: 'header'; readonly name: string }
  | { readonly in: 'query'; readonly name: string }
  | { readonly in: 'path' }
  | { readonly in: 'bearer' }
  | { readonly in: 'basic' }
  | { readonly in: 'none' }

/** May answers be resold? `forbidden` covers restricted, `ask` covers "not found". */
export type Resale = 'allowed' | 'attribution' | 'ask' | 'forbidden'

/** May an answer be kept and given to others, and how long? What no source tells is not allowed. */
export type Caching = 'not-found' | 'forbidden' | { readonly seconds: number; readonly source: string; readonly checked: string }

/** The decoded parts of a request that an operation's units may depend on. */
export interface OperationRequest {
  readonly params: Readonly<Record<string, string>>
  /** Last value of each member; `queryAll` has every value. */
  readonly query: Readonly<Record<string, string>>
  readonly queryAll: ReadonlyMap<string, readonly string[]>
  /** The JSON body where the operation lists its members, else undefined. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** Units of one call: a number, or the most it can be before the call and, where the answer decides, the actual after it (0 where the provider bills nothing). */
export type UnitsRule =
  | number
  | ((request: OperationRequest) => number)
  | { readonly most: (request: OperationRequest) => number; readonly actual: (request: OperationRequest, answer: unknown) => number }

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS'

export interface Operation {
  readonly id: string
  readonly method: Method | 'ANY'
  /** After the adapter's base: `/address/:address`; `:name` is one segment, a final `/**` any path below. */
  readonly path: string
  readonly description?: string
  readonly units: UnitsRule
  /** Of units that depend on the request: the most that they may be for any request. More is a fault, and refused. Default: `MOST_UNITS`. */
  readonly maxUnits?: number
  /** No source tells what the provider takes: `units` is an assumption, which its counter puts right. */
  readonly unitsAssumed?: boolean
  /** Segments of the path with their schema; the others take any text. A value is text, as in a query. */
  readonly params?: Readonly<Record<string, JsonSchema>>
  /**
   * Listed query members with their schema; names alone take any string. Absent: an adapter's operation takes none; `any` takes all.
   * A value is text: where the schema's type is integer, number or boolean, its plain writing (`20`, `0.5`, `true`) is meant.
   * A member with a schema of type array may be repeated; any other with a schema stands once, so that price and provider read the same value.
   */
  readonly query?: 'any' | readonly string[] | Readonly<Record<string, JsonSchema>>
  /** Listed members of the JSON body with their schema. Absent: the operation takes no body; `any` takes all. */
  readonly body?: 'any' | Readonly<Record<string, JsonSchema>>
  /** Names of query, path or body members that must be there. */
  readonly required?: readonly string[]
  /** At least one of these must be there, too. */
  readonly requiredAny?: readonly string[]
  /** Pairs that the provider does not take together. */
  readonly conflicts?: readonly (readonly [string, string])[]
  /** Calling it twice changes nothing at the provider (also a POST may read). Default: true for GET and HEAD. */
  readonly reads?: boolean
  /** The provider limits it apart from the others (`rateLimit.heavyPerSecond`). */
  readonly heavy?: boolean
  /** The answer is open-ended: charged before its first byte, not stored. */
  readonly streaming?: boolean
  readonly resale: Resale
  /** Credit line, where it differs from the adapter's. */
  readonly attribution?: string
  /** Where the resale permission was read; default: the adapter's terms. */
  readonly source?: string
  readonly checked?: string
  /** Where it differs from what the adapter's terms say of all answers. Counts only where the operation reads and is not streaming. */
  readonly caching?: Caching
  /** The provider's own pay-per-call price, where it sells by the call itself; `0.00` where it gives it to everybody. */
  readonly ownPriceUsd?: string
  /** A filled request that works in the simulator. */
  readonly example?: {
    readonly params?: Readonly<Record<string, string>>
    readonly query?: Readonly<Record<string, string>>
    readonly body?: Readonly<Record<string, unknown>>
  }
  /** What the simulator answers; made up, with the provider's field names. */
  readonly sample: unknown
  /** What an answer looks like. The sample has to fit; answers of the provider are not held against it. */
  readonly answer?: JsonSchema
  /** How to get more than one answer holds. Each page is a call. */
  readonly pages?: Pages
}

/** Members are named as in `query`; those of a body with a leading `/` as a JSON pointer (RFC 6901). */
export interface Pages {
  /** Counts pages from 1. */
  readonly page?: string
  /** Counts rows from 0. */
  readonly offset?: string
  /** Rows of a page. */
  readonly size: string
  readonly sizeDefault?: number
  readonly sizeMost?: number
  /** JSON pointer into the answer: true on the last page. Where there is none, a page with fewer rows is the last. */
  readonly last?: string
}

/** What a rule for units may tell at most where its operation states nothing. */
export const MOST_UNITS = 1000

/** The most units that any call of this operation can take. */
export const unitsBound = ({ units, maxUnits = MOST_UNITS }: Operation): number => (typeof units === 'number' ? units : maxUnits)

/** How an answer that is no success is to be read. */
export type FailureMeaning =
  | 'bad-request'
  | 'not-found'
  | 'rate-limited'
  | 'quota-exhausted'
  | 'credential-refused'
  | 'plan-lacks-it'
  | 'provider-down'
  | 'unknown'

export interface FailureRule {
  /** A status, `2xx` for an error inside a success, or a class of failures. */
  readonly status: number | '2xx' | '4xx' | '5xx'
  /** Text that the body must contain, without regard to case. */
  readonly bodyHas?: string
  /** Member that the JSON object in the body must have, other than null, false or empty text. */
  readonly bodyMember?: string
  readonly means: FailureMeaning
  /** False where the provider does not bill such an answer: its units return. Default true. */
  readonly bills?: boolean
  /** What the simulator answers to play this failure. Stand-ins are labelled as such. */
  readonly sample?: unknown
  readonly standIn?: boolean
}

/** Where the provider tells what is left when it is asked. Asked at most once an hour, and only where no header told of late. */
export interface UsageEndpoint {
  readonly method: 'GET' | 'POST'
  /** After the base. `{credential}` stands for the credential where it is not the first segment. */
  readonly path: string
  /** Member of the JSON answer that holds the units left, or the first of several that is there; with a leading `/` a JSON pointer (RFC 6901). */
  readonly remaining?: string | readonly string[]
  /** In its place: member that holds the units used so far in a period; read only of connections whose quota has that period. */
  readonly used?: string
  /** Default: month. */
  readonly usedPer?: 'month' | 'day'
  /** The answer is a list of periods: members that hold the beginning and the end of each (ISO 8601). The one of now counts. */
  readonly periods?: { readonly from: string; readonly to: string }
}

export interface Adapter {
  readonly name: string
  readonly title: string
  readonly category: string
  readonly docs: string
  /** With path, without trailing slash; undefined where each connection names its own (custom). */
  readonly baseUrl: string | undefined
  readonly credential: CredentialPlace
  readonly quota: {
    readonly unit: 'call' | 'credit'
    /** Default of a connection's `period`; `first-of-month` where it is the same day for everybody. */
    readonly resets: 'billing-day' | 'first-of-month' | 'day' | 'never'
    /** Units a month that subscriptions usually have: [from, to]. */
    readonly typical?: readonly [number, number]
    /** Header in which the provider says what is left. */
    readonly remaining?: { readonly header: string }
    readonly usage?: UsageEndpoint
    /** Where it was read what operations cost, and when: figures change. */
    readonly source?: string
    readonly checked?: string
  }
  /** List price of the usual subscription, a month. */
  readonly subscriptionCostUsd?: string
  /** What the provider says of its limits, for one credential: a hint, used once it has refused a call. `heavy` operations have a pace of their own. */
  readonly rateLimit?: { readonly perSecond?: number; readonly perMinute?: number; readonly heavyPerSecond?: number }
  /** Fields that tell calls left and seconds until there are more, beside the usual families (RateLimit-*, X-RateLimit-*, X-Rate-Limit-*). */
  readonly rateHeaders?: { readonly remaining: string; readonly reset: string }
  /** `caching`: default `not-found`. */
  readonly terms: { readonly attribution?: string; readonly source: string; readonly checked: string; readonly caching?: Caching }
  readonly operations: readonly Operation[]
  /** First match wins; what no rule names is read by `defaultMeaning`. */
  readonly failures: readonly FailureRule[]
}

/** An adapter's file: `export default defineAdapter({...})`. The file's name is its name. */
export const defineAdapter = <const A extends Adapter>(adapter: A): Adapter => adapter

/** How an answer is read where nothing is listed. */
export function defaultMeaning(status: number): FailureMeaning | 'ok' {
  if (status >= 200 && status < 300) return 'ok'
  if (status === 404 || status === 410) return 'not-found'
  if (status === 401) return 'credential-refused'
  if (status === 402 || status === 403 || status === 407) return 'unknown'
  if (status === 429) return 'rate-limited'
  if (status >= 400 && status < 500) return 'bad-request'
  if (status >= 500) return 'provider-down'
  return 'unknown'
}

/** Is calling this operation twice harmless at the provider? */
export const isRead = (operation: Operation): boolean => operation.reads ?? (operation.method === 'GET' || operation.method === 'HEAD')

/** The line that has to stand with an answer of this operation. */
export const creditLineOf = ({ terms }: Adapter, { resale, attribution }: Operation): string | undefined =>
  attribution ?? (resale === 'attribution' ? terms.attribution : undefined)

/** For how long an answer of this operation may be given again, in ms; 0 where the terms do not say that it may. */
export function keepableMs({ terms }: Adapter, operation: Operation): number {
  const caching = operation.caching ?? terms.caching
  return typeof caching !== 'object' || !isRead(operation) || operation.streaming === true ? 0 : caching.seconds * 1000
}

/** The most units that this request can take. @throws Error where the adapter's rule tells no count: such a call is refused, never cheap */
export function mostUnits(operation: Operation, request: OperationRequest): Units {
  const rule = operation.units
  const most = typeof rule === 'number' ? rule : typeof rule === 'function' ? rule(request) : rule.most(request)
  if (!Number.isSafeInteger(most) || most < 0) throw new Error(`operation ${operation.id} tells ${most} units`)
  const { maxUnits = MOST_UNITS } = operation
  // A rule that tells nothing would make the call free.
  if (typeof rule !== 'number' && most === 0) throw new Error(`operation ${operation.id} tells 0 units`)
  if (typeof rule !== 'number' && most > maxUnits) throw new Error(`operation ${operation.id} tells ${most} units; its maximum is ${maxUnits}`)
  return most as Units
}
