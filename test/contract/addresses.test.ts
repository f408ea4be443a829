/** Which addresses a provider may have: public ones. */

import fc from 'fast-check'
import t from 'tap'
import { isLoopback, isPrivateAddress } from '#contract'
import { seedOf } from '../rig/random.ts'

t.test('what is not on the public internet is private, however it is written', async (t) => {
  const inner = [
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.255', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
    ...[
      '192.0.0.1',
      '192.0.2.1',
      '192.88.99.1',
      '192.168.1.1',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.1',
      '203.0.113.1',
      '224.0.0.1',
      '240.0.0.1',
      '255.255.255.255',
    ],
  ]
  for (const address of inner) {
    t.ok(isPrivateAddress(address), address)
    t.ok(isPrivateAddress(`::ffff:${address}`), `mapped ${address}`)
    t.ok(isPrivateAddress(`64:ff9b::${address}`), `behind NAT64, ${address}`)
  }
  const six = [
    ...['::', '::1', '::ffff:7f00:1', '::7f00:1', '64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '5f00::1'],
    ...['fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1', 'FE80::1', 'FD00::1'],
  ]
  for (const address of six) t.ok(isPrivateAddress(address), address)
})

t.test('what is public is not private', async (t) => {
  const outer = [
    ...[
      '1.1.1.1',
      '8.8.8.8',
      '9.255.255.255',
      '11.0.0.1',
      '100.63.255.255',
      '100.128.0.1',
      '126.1.1.1',
      '128.0.0.1',
      '169.253.1.1',
      '172.15.1.1',
      '172.32.0.1',
      '192.167.1.1',
      '223.255.255.255',
    ],
    ...['2606:4700:4700::1111', '2001:4860:4860::8888', '2a00:1450::1', '2620:fe::fe', '::ffff:8.8.8.8', '::ffff:808:808', '64:ff9b::8.8.8.8'],
  ]
  for (const address of outer) t.notOk(isPrivateAddress(address), address)
})

t.test('what is no address counts as private', async () => {
  for (const text of [
    '',
    'localhost',
    'provider.example',
    '127.1',
    '0x7f000001',
    '2130706433',
    '127.0.0.01',
    '1.1.1.1 ',
    ' 1.1.1.1',
    '1.1.1.1\n',
    '[::1]',
    '1.1.1',
    '1.1.1.1.1',
  ]) {
    t.ok(isPrivateAddress(text), JSON.stringify(text))
  }
  fc.assert(
    fc.property(fc.string(), (text) => typeof isPrivateAddress(text) === 'boolean'),
    { seed: seedOf(t), numRuns: 2000 },
  )
})

t.test('loopback is an address, not a name that begins like one', async (t) => {
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1']) t.ok(isLoopback(address), address)
  for (const text of ['127.evil.example', '127.', '', '128.0.0.1', '1.127.0.0', '::2', 'localhost']) t.notOk(isLoopback(text), JSON.stringify(text))
})
