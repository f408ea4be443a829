/** Which addresses may call: everybody else is turned away before anything is asked or taken. Loopback is an address like any other. */
import { BlockList, isIP } from 'node:net'
import { definePlugin, type Refusal, refuse } from '#contract'

const REFUSED = refuse('blocked', 'calls are not taken from this address')

/** `::ffff:198.51.100.7` is the IPv4 address that it holds. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** @throws Error where one of them is no address and no network */
function listOf(setting: string, written: readonly string[]): BlockList {
  const list = new BlockList()
  for (const one of written) {
    const [address = '', bits, ...more] = one.split('/')
    const most = isIP(address) === 6 ? 128 : 32
    const isNetwork = bits !== undefined && /^\d{1,3}$/.test(bits) && Number(bits) <= most
    if (isIP(address) === 0 || more.length > 0 || (bits !== undefined && !isNetwork))
      throw new Error(`ip-allow: ${setting} has ${one}, which is no address; expected one such as 198.51.100.7, 10.0.0.0/8 or 2001:db8::/32`)
    list.addSubnet(address, bits === undefined ? most : Number(bits), family(address))
  }
  return list
}

export default definePlugin({
  name: 'ip-allow',
  describe: 'Takes calls only from listed addresses and networks',
  settings: {
    allow: {
      type: 'strings',
      default: ['0.0.0.0/0', '::/0'],
      describe: 'Addresses and networks that may call, such as 198.51.100.7 or 10.0.0.0/8; default: all',
    },
    deny: { type: 'strings', default: [], describe: 'Those of them that may not' },
  },
  create: ({ allow, deny }) => {
    const [allowed, denied] = [listOf('allow', allow), listOf('deny', deny)]
    const turnAway = (request: { readonly address: string }): Refusal | undefined => {
      const address = plain(request.address)
      // What is no address is on no list.
      if (isIP(address) === 0) return REFUSED
      return allowed.check(address, family(address)) && !denied.check(address, family(address)) ? undefined : REFUSED
    }
    return { admit: turnAway, turnAway }
  },
})
