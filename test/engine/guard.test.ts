/** Nothing is sent to an address that is not public, not even the first packet of a connection. */

import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import t from 'tap'
import { guardedDispatcher } from '../../gateway/engine/upstream/dispatcher.ts'
import { publicOnly } from '../../gateway/engine/upstream/connect.ts'
import { at, send, transportOf } from '../rig/attempts.ts'
import { PRIVATE_HOSTS } from '../rig/private-hosts.ts'
import { answer, say, startRawProvider } from '../rig/raw-provider.ts'

interface Resolver {
  readonly lookup: LookupFunction
  readonly asked: () => number
}

/** Answers in turn, the last one for ever. */
function resolver(...answers: readonly (readonly string[])[]): Resolver {
  let asked = 0
  const lookup: LookupFunction = (_, { all }, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? []
    asked += 1
    const found: LookupAddress[] = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (all === true) callback(null, found)
    else callback(null, found[0]?.address ?? '', found[0]?.family)
  }
  return { lookup, asked: () => asked }
}

t.test('an address in a URL is refused however it is written, before anything is sent', async (t) => {
  const provider = await startRawProvider(t, say(answer('no')))
  const { port } = new URL(provider.url)
  const transport = transportOf(t, { allowPrivate: false })
  for (const host of PRIVATE_HOSTS) {
    const one = send(transport, at(`http://${host}:${port}`))
    await one.over
    t.match(one.events, [/^error the address is not public/], host)
    t.equal(one.sent, false, host)
  }
  t.equal(provider.sockets.length, 0, 'no connection was made')
})

t.test('a name is refused by what it leads to, before anything is sent', async (t) => {
  const provider = await startRawProvider(t, say(answer('no')))
  const { port } = new URL(provider.url)
  for (const addresses of [['127.0.0.1'], ['::1'], ['::ffff:127.0.0.1'], ['127.0.0.1', '10.0.0.1'], []]) {
    const { lookup, asked } = resolver(addresses)
    const one = send(transportOf(t, { allowPrivate: false, lookup }), at(`http://api.acme.example:${port}`))
    await one.over
    t.match(one.events, [/^error the address is not public/], addresses.join())
    t.equal(asked(), 1)
  }
  for (const name of ['localhost', 'localhost.', 'LOCALHOST']) {
    const one = send(transportOf(t, { allowPrivate: false }), at(`http://${name}:${port}`))
    await one.over
    // With a dot at its end some resolvers do not know it.
    t.match(one.events, [/^error (the address is not public|ENOTFOUND)/], name)
  }
  t.equal(provider.sockets.length, 0, 'no connection was made')
})

t.test('of several addresses the private ones alone are refused', async (t) => {
  const guarded = publicOnly(resolver(['10.0.0.1', '8.8.8.8', '::1', '2606:4700:4700::1111']).lookup)
  const found = (all: boolean): Promise<unknown> => new Promise((resolve) => guarded('x.example', { all }, (...result) => resolve(result)))
  t.strictSame(await found(true), [
    null,
    [
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700:4700::1111', family: 6 },
    ],
  ])
  t.strictSame(await found(false), [null, '8.8.8.8', 4])
})

t.test('a name is looked at anew for each connection: what it led to before counts for nothing', async (t) => {
  const provider = await startRawProvider(t, say(answer('no')))
  const { port } = new URL(provider.url)
  const { lookup, asked } = resolver(['127.0.0.1'])
  const open = send(transportOf(t, { allowPrivate: true, lookup }), at(`http://rebound.example:${port}`))
  await open.over
  t.equal(open.events.at(-1), 'end', 'where private addresses are allowed')
  const transport = transportOf(t, { allowPrivate: false, lookup })
  for (let count = 0; count < 3; count += 1) {
    const one = send(transport, at(`http://rebound.example:${port}`))
    await one.over
    t.match(one.events, [/^error the address is not public/])
  }
  t.equal(asked(), 4, 'once a connection')
})

t.test('the dispatcher for others is behind the same guard', async (t) => {
  const provider = await startRawProvider(t, say(answer('yes')))
  const guarded = guardedDispatcher({ allowPrivate: false })
  t.teardown(() => guarded.destroy())
  for (const url of [provider.url, provider.url.replace('127.0.0.1', 'localhost')]) {
    await t.rejects(guarded.request({ origin: url, path: '/', method: 'POST', body: '{}' }), { message: 'the address is not public' })
  }
  t.equal(provider.sockets.length, 0)
  const open = guardedDispatcher({ allowPrivate: true })
  t.teardown(() => open.destroy())
  t.equal((await open.request({ origin: provider.url, path: '/', method: 'GET' })).statusCode, 200)
})
