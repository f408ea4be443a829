/**
 * Connections that are made to public addresses only. What a name leads to is looked at after it was resolved and before
 * anything is sent to it, for each connection: a name that changes its address gains nothing.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { isPrivateAddress } from '#contract'

const CONNECT_WITHIN_MS = 10_000
const NOT_PUBLIC = 'the address is not public'

export interface Guard {
  readonly allowPrivate: boolean
  /** Default: the system's. */
  readonly lookup?: LookupFunction
  readonly withinMs?: number
}

export function connectorOf({ allowPrivate, lookup = systemLookup as LookupFunction, withinMs: timeout = CONNECT_WITHIN_MS }: Guard): buildConnector.connector {
  if (allowPrivate) return buildConnector({ timeout, lookup } as buildConnector.BuildOptions)
  const connect = buildConnector({ timeout, lookup: publicOnly(lookup) } as buildConnector.BuildOptions)
  return (options, callback) => {
    // Addresses are not looked up.
    if (isIP(options.hostname) !== 0 && isPrivateAddress(options.hostname)) return callback(new Error(NOT_PUBLIC), null)
    connect(options, callback)
  }
}

/** The public ones of the addresses of a name; an error where there are none. */
export function publicOnly(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '', 0)
      const addresses = (found as LookupAddress[]).filter(({ address }) => !isPrivateAddress(address))
      const [first] = addresses
      if (first === undefined) return callback(new Error(NOT_PUBLIC), '', 0)
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

/** For other rooms that call URLs of owners: undici's, behind the same guard. It follows no redirect by itself. */
export const guardedDispatcher = (guard: Guard): Agent => new Agent({ connect: connectorOf(guard), pipelining: 1 })
