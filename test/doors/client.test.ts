/** Who asks: the peer, or the first from the right that no trusted proxy is; nothing that a client could write himself. */

import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { clientOf, trustedList } from '../../gateway/doors/client.ts'

const trusted = trustedList(['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48'])

const from = (peer: string, forwarded?: string): IncomingMessage =>
  ({ socket: { remoteAddress: peer }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage

const PROXY = '10.1.1.1'

t.test('what a trusted proxy added is read from the right, in every way in which proxies write it', async (t) => {
  for (const [forwarded, address] of [
    ['198.51.100.7', '198.51.100.7'],
    ['1.2.3.4, 198.51.100.7', '198.51.100.7'],
    ['1.2.3.4,198.51.100.7,10.9.9.9', '198.51.100.7'],
    ['198.51.100.7, 10.9.9.9, 127.0.0.1', '198.51.100.7'],
    ['198.51.100.7:4711', '198.51.100.7'],
    ['  198.51.100.7  ', '198.51.100.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['[2001:db8::7]:4711', '2001:db8::7'],
    ['2001:db8::7%eth0', '2001:db8::7'],
    ['2001:db8::7, 2001:db8:1::1', '2001:db8::7'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['::ffff:c633:6407', '198.51.100.7'],
    ['[::ffff:198.51.100.7]:80', '198.51.100.7'],
  ] as const)
    t.same(clientOf(from(PROXY, forwarded), trusted), { address, loopback: false }, forwarded)
})

t.test('what is no address ends the search: the proxy that passed it on answers for it', async (t) => {
  for (const forwarded of [
    '',
    ' ',
    ',',
    'unknown',
    '_hidden',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '0x7f.1',
    '2130706433',
    '::1::',
    'for=1.2.3.4',
    '"1.2.3.4"',
    '1.2.3.4;5',
    '[1.2.3.4',
    '%',
    '\0',
  ])
    t.same(clientOf(from(PROXY, `198.51.100.7, ${forwarded}`), trusted), { address: PROXY, loopback: false }, JSON.stringify(forwarded))
  t.same(clientOf(from(PROXY, '198.51.100.7, unknown, 10.2.2.2'), trusted).address, '10.2.2.2')
})

t.test('who is not trusted is believed nothing, and nobody becomes this machine by saying so', async (t) => {
  t.same(clientOf(from('198.51.100.7', '127.0.0.1'), trusted), { address: '198.51.100.7', loopback: false })
  t.same(clientOf(from('127.0.0.1', '1.2.3.4'), undefined), { address: '127.0.0.1', loopback: true }, 'without trusted proxies the field is not read')
  t.same(clientOf(from('127.0.0.1'), trusted), { address: '127.0.0.1', loopback: true })
  t.same(clientOf(from('::ffff:127.0.0.1'), trusted), { address: '127.0.0.1', loopback: true })
  for (const forwarded of ['127.0.0.1', '::1', '127.9.9.9', '::ffff:127.0.0.1']) t.equal(clientOf(from(PROXY, forwarded), trusted).loopback, false, forwarded)
})

t.test('a field as long as a head may be is read at once', async (t) => {
  const began = performance.now()
  for (const hop of ['10.1.1.1', '1', ':', '[', '%'])
    for (let turn = 0; turn < 20; turn += 1) clientOf(from(PROXY, `${hop},`.repeat(16_000 / (hop.length + 1))), trusted)
  t.ok(performance.now() - began < 2_000)
})
