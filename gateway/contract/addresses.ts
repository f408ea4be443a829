/** Which addresses are not on the public internet (IANA special-purpose registries, RFC 6890 and successors): one list for whoever calls or checks a URL. */

type Groups = readonly number[]

const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/

/** As one number, or undefined where the text is no IPv4 address in its plain form. */
function parse4(text: string): number | undefined {
  if (!IPV4.test(text)) return undefined
  const parts = text.split('.').map(Number)
  if (parts.some((part) => part > 255)) return undefined
  return parts.reduce((whole, part) => whole * 256 + part, 0)
}

/** Eight groups of sixteen bits, or undefined. A zone (`%eth0`) says which link, not which address. */
function parse6(text: string): Groups | undefined {
  let address = text.replace(/%[^%]+$/, '').toLowerCase()
  const [, front6 = '', dotted] = /^(.*:)([\d.]*\.[\d.]*)$/.exec(address) ?? []
  if (dotted !== undefined) {
    const inner = parse4(dotted)
    if (inner === undefined) return undefined
    address = `${front6}${Math.floor(inner / 65_536).toString(16)}:${(inner % 65_536).toString(16)}`
  }
  const halves = address.split('::')
  if (halves.length > 2) return undefined
  const [front = [], back = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const groups = [...front, ...back]
  if (groups.some((group) => !/^[\da-f]{1,4}$/.test(group))) return undefined
  const missing = 8 - groups.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  return [...front, ...new Array<string>(halves.length === 1 ? 0 : missing).fill('0'), ...back].map((group) => Number.parseInt(group, 16))
}

const PRIVATE_4 = (
  [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ] as const
).map(([network, bits]) => ({ first: parse4(network) as number, size: 2 ** (32 - bits) }))

const network6 = ([network, bits]: readonly [string, number]): { groups: Groups; bits: number } => ({ groups: parse6(network) as Groups, bits })

const PRIVATE_6 = (
  [
    // 6to4, Teredo and IPv4-compatible addresses are not in use, and lead to the address inside where they are.
    ['::', 96],
    ['64:ff9b:1::', 48],
    ['100::', 64],
    ['100:0:0:1::', 64],
    ['2001::', 23],
    ['2001:db8::', 32],
    ['2002::', 16],
    ['3fff::', 20],
    ['5f00::', 16],
    ['fc00::', 7],
    ['fe80::', 10],
    ['fec0::', 10],
    ['ff00::', 8],
  ] as const
).map(network6)

/** Mapped, translated (RFC 2765) and behind NAT64 (RFC 6052): they reach what the IPv4 address at their end reaches. */
const CARRIES_4 = (
  [
    ['::ffff:0:0', 96],
    ['::ffff:0:0:0', 96],
    ['64:ff9b::', 96],
  ] as const
).map(network6)

function within(address: Groups, { groups, bits }: { readonly groups: Groups; readonly bits: number }): boolean {
  for (let left = bits, at = 0; left > 0; left -= 16, at += 1) {
    const unused = Math.max(0, 16 - left)
    if ((address[at] as number) >> unused !== (groups[at] as number) >> unused) return false
  }
  return true
}

const isPrivate4 = (address: number): boolean => PRIVATE_4.some(({ first, size }) => address >= first && address < first + size)

/** The IPv4 address at the end of an IPv6 one that only carries it. */
const carried = (six: Groups): number | undefined =>
  CARRIES_4.some((network) => within(six, network)) ? (six[6] as number) * 65_536 + (six[7] as number) : undefined

/** What is no address counts as private. */
export function isPrivateAddress(text: string): boolean {
  const four = parse4(text)
  if (four !== undefined) return isPrivate4(four)
  const six = parse6(text)
  if (six === undefined) return true
  const inner = carried(six)
  return inner === undefined ? PRIVATE_6.some((network) => within(six, network)) : isPrivate4(inner)
}

/** In the form in which sockets tell their addresses; asked for each request. */
export const isLoopback = (text: string): boolean =>
  text === '127.0.0.1' || text === '::1' || (/^(::ffff:)?127\./i.test(text) && parse4(text.replace(/^::ffff:/i, '')) !== undefined)
