/**
 * Connections that are made to public addresses only. What a name leads to is looked at after it was resolved and before
 * anything is sent to it, for each connection: a name that changes its address gains nothing.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction, type OnReadOpts } from 'node:net'
import type { buildConnector } from 'undici'
// All of undici is a megabyte of sources, which stays in memory; calls need this part alone.
import buildOf from 'undici/lib/core/connect.js'
import { isPrivateAddress } from '#contract'

const CONNECT_WITHIN_MS = 10_000
const NOT_PUBLIC = 'the address is not public'

export interface Guard {
  readonly allowPrivate: boolean
  /** Default: the system's. */
  readonly lookup?: LookupFunction
  readonly withinMs?: number
}

/** What came is handed to `received` from the moment at which `done` has the socket; nobody else listens for it. */
export type Connector = (to: buildConnector.Options, received: (bytes: Buffer) => void, done: buildConnector.Callback) => void

export function connectorOf(guard: Guard): Connector {
  // One for all, since it keeps the sessions of TLS.
  const connectTls = guarded(guard)
  return (to, received, done) => {
    if (to.protocol === 'http:') return guarded(guard, { onread: readingInto(received) })(to, done)
    connectTls(to, (...[error, socket]) => {
      if (error !== null) return done(error, null)
      socket.on('data', received)
      done(null, socket)
    })
  }
}

export function guarded({ allowPrivate, lookup = systemLookup as LookupFunction, withinMs: timeout = CONNECT_WITHIN_MS }: Guard, more: object = {}) {
  const connect = buildOf({ timeout, lookup: allowPrivate ? lookup : publicOnly(lookup), ...more } as buildConnector.BuildOptions)
  return (options: buildConnector.Options, done: buildConnector.Callback): void => {
    // Addresses are not looked up.
    if (!allowPrivate && isIP(options.hostname) !== 0 && isPrivateAddress(options.hostname)) return done(new Error(NOT_PUBLIC), null)
    connect(options, done)
  }
}

/** Room for what is being read: otherwise node makes 64 KiB for each time, whatever comes. */
const INBOX = Buffer.allocUnsafeSlow(64 * 1024)

const readingInto = (received: (bytes: Buffer) => void): OnReadOpts => ({
  buffer: INBOX,
  callback: (length) => {
    received(Buffer.from(INBOX.subarray(0, length)))
    return true
  },
})

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
