/**
 * Who asks: the peer, or whom a trusted proxy names in X-Forwarded-For. No other field says it (not Forwarded, not
 * X-Real-IP, not those of single vendors), as a proxy that does not set it would let its client write it.
 */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6, type Socket } from 'node:net'
import { isLoopback } from '#contract'

/** IPv4 inside IPv6 is IPv4. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

export interface Client {
  readonly address: string
  /** Only this machine itself: what a proxy says is a claim, and never opens what is open to the machine. */
  readonly loopback: boolean
}

/** Addresses and networks, as the configuration has checked them; undefined: nobody is trusted. */
export function trustedList(proxies: readonly string[]): BlockList | undefined {
  if (proxies.length === 0) return undefined
  const list = new BlockList()
  for (const proxy of proxies) {
    const [address = '', prefix] = proxy.split('/')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

export const isIn = (list: BlockList, address: string): boolean => {
  try {
    return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  } catch {
    return false
  }
}

/** Of each connection, as long as it lasts. */
const peers = new WeakMap<Socket, Client>()

export function peerOf(socket: Socket): Client {
  let peer = peers.get(socket)
  if (peer === undefined) {
    const address = plainAddress(socket.remoteAddress ?? '')
    peer = { address, loopback: isLoopback(address) }
    // One that is gone already has no address any more.
    if (address !== '') peers.set(socket, peer)
  }
  return peer
}

/** Of X-Forwarded-For only what trusted proxies added counts: from the right, the first address that is not one of them. */
export const clientOf = ({ socket, headers }: IncomingMessage, trusted: BlockList | undefined): Client =>
  clientBehind(peerOf(socket), headers['x-forwarded-for'], trusted)

export function clientBehind(peer: Client, forwarded: string | string[] | undefined, trusted: BlockList | undefined): Client {
  if (trusted === undefined || forwarded === undefined || !isIn(trusted, peer.address)) return peer
  let { address } = peer
  for (const hop of String(forwarded).split(',').reverse()) {
    const next = addressIn(hop)
    // Whoever stands before something that is no address is not known: the proxy that passed it on answers for it.
    if (next === undefined) break
    address = next
    if (!isIn(trusted, address)) break
  }
  return { address, loopback: false }
}

/** Some proxies write the port, too, which changes with every connection. */
const withoutPort = (hop: string): string => /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)?.[1] ?? /^\[(.*)\](:\d+)?$/.exec(hop)?.[1] ?? hop

/** One way to write each address, so that nobody is two; undefined where it is none. */
function addressIn(hop: string): string | undefined {
  const [bare = ''] = withoutPort(hop.trim()).split('%', 1)
  const family = isIP(bare)
  if (family !== 6) return family === 4 ? bare : undefined
  const { hostname } = new URL(`http://[${bare}]`)
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return hostname.slice(1, -1)
  return [high, low].flatMap((half) => [Number.parseInt(half, 16) >> 8, Number.parseInt(half, 16) & 255]).join('.')
}
