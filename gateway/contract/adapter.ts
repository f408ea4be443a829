/** What a provider's file says: mostly data. One file gives routes, prices, catalogue entry, simulator and contract tests. */

import type { Units, Usd } from './money.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** Where the provider expects its credential. `{credential}` in a path template stands for it (path: first segment). */
export type CredentialPlace =
  | { readonly in: 'header'; readonly name: string }
  | { readonly in: 'query'; readonly name: string }
  | { readonly in: 'path' }
  | { readonly in: 'bearer' }
  | { readonly in: 'basic' }
  | { readonly in: 'none' }

/** May answers be resold? `forbidden` covers restricted, `ask` covers "not found". */
export type Resale = 'allowed' | 'attribution' | 'ask' | 'forbidden'

/** The decoded parts of a request that an operation's units may depend on. */
export interface OperationRequest {
  readonly params: Readonly<Record<string, string>>
  /** Last value of each member; `queryAll` has every value. */
  readonly query: Readonly<Record<string, string>>
  readonly queryAll: ReadonlyMap<string, readonly string[]>
  /** The JSON body where the operation lists its members, else undefined. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** Units of one call: a number, or the most it can be before the call and, where the answer decides, the actual after it. */
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
  /** The provider's own pay-per-call price, where it sells by the call itself. */
  readonly ownPriceUsd?: string
  /** A filled request that works in the simulator. */
  readonly example?: {
    readonly params?: Readonly<Record<string, string>>
    readonly query?: Readonly<Record<string, string>>
    readonly body?: Readonly<Record<string, unknown>>
  }
  /** What the simulator answers; made up, with the provider's field names. */
  readonly sample: unknown
}

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
  /** A status, or `2xx` for an error inside a success. */
  readonly status: number | '2xx'
  /** Text that the body must contain, without regard to case. */
  readonly bodyHas?: string
  readonly means: FailureMeaning
  /** False where the provider does not bill such an answer: its units return. Default true. */
  readonly bills?: boolean
  /** What the simulator answers to play this failure. Stand-ins are labelled as such. */
  readonly sample?: unknown
  readonly standIn?: boolean
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
    /** Default of a connection's `period`. */
    readonly resets: 'billing-day' | 'day' | 'never'
    /** Units a month that subscriptions usually have: [from, to]. */
    readonly typical?: readonly [number, number]
    /** Header in which the provider says what is left. */
    readonly remaining?: { readonly header: string }
    /** Where the provider tells what is left when it is asked, free of charge. Asked at most once an hour, and only where no header told of late. */
    readonly usage?: {
      readonly method: 'GET' | 'POST'
      /** After the base. */
      readonly path: string
      /** Member of the JSON answer that holds the units left; with a leading `/` a JSON pointer (RFC 6901). */
      readonly remaining: string
    }
  }
  /** List price of the usual subscription, a month. */
  readonly subscriptionCostUsd?: string
  /** What the provider says of its limits, for one credential: a hint, used once it has refused a call. `heavy` operations have a pace of their own. */
  readonly rateLimit?: { readonly perSecond?: number; readonly perMinute?: number; readonly heavyPerSecond?: number }
  /** Fields that tell calls left and seconds until there are more, beside the usual families (RateLimit-*, X-RateLimit-*, X-Rate-Limit-*). */
  readonly rateHeaders?: { readonly remaining: string; readonly reset: string }
  readonly terms: { readonly attribution?: string; readonly source: string; readonly checked: string }
  readonly operations: readonly Operation[]
  /** First match wins; what no rule names is read by `defaultMeaning`. */
  readonly failures: readonly FailureRule[]
}

/** An adapter's file: `export default defineAdapter({...})`. The file's name is its name. */
export const defineAdapter = <const A extends Adapter>(adapter: A): Adapter => adapter

/** CONTRACT "Refusals": how an answer is read where nothing is listed. */
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

/** A price of one operation on one connection. */
export interface OperationPrice {
  readonly units: number
  readonly price: Usd
}

/** Is calling this operation twice harmless at the provider? */
export const isRead = (operation: Operation): boolean => operation.reads ?? (operation.method === 'GET' || operation.method === 'HEAD')

/** The most units that this request can take. @throws Error where the adapter's rule tells no count: such a call is refused, never cheap */
export function mostUnits(operation: Operation, request: OperationRequest): Units {
  const rule = operation.units
  const most = typeof rule === 'number' ? rule : typeof rule === 'function' ? rule(request) : rule.most(request)
  if (!Number.isSafeInteger(most) || most < 0) throw new Error(`operation ${operation.id} tells ${most} units`)
  return most as Units
}
