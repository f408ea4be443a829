/** Providers speak TLS: their answers come as they do without it, and whoever cannot prove a name gets no credential. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { at, SECRET, send, transportOf } from '../rig/attempts.ts'
import { ROOT } from '../rig/atlas.ts'
import { answer, type Certificate, say, startRawProvider } from '../rig/raw-provider.ts'

const certificate = (name: string): Certificate => ({ cert: readFileSync(file(`${name}.pem`)), key: readFileSync(file(`${name}-key.pem`)) })
const file = (name: string): string => `${ROOT}/test/rig/tls/${name}`
const TRUSTED = file('first.pem')

/** Node reads whom it trusts when it starts, so the tests run in a process that trusts the first certificate. */
if (process.env.NODE_EXTRA_CA_CERTS !== TRUSTED) {
  const again = spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: 'inherit', env: { ...process.env, NODE_EXTRA_CA_CERTS: TRUSTED } })
  process.exitCode = (await once(again, 'exit'))[0] ?? 1
} else {
  t.test('an answer over TLS arrives as it does without, one after the other on the same connection', async (t) => {
    const whole = answer('{"a":1}')
    const provider = await startRawProvider(t, say(whole.slice(0, 30), whole.slice(30, -3), whole.slice(-3)), certificate('first'))
    const transport = transportOf(t)
    for (const _ of [1, 2]) {
      const one = send(transport, at(provider.url))
      await one.over
      t.strictSame([one.events[0], one.events.at(-1)], ['head 200', 'end'])
      t.equal(one.events.slice(1, -1).join('').replaceAll('data ', ''), '{"a":1}')
    }
    t.strictSame(
      provider.requests.map(({ connection }) => connection),
      [0, 0],
    )
    t.match(provider.requests[0]?.text, SECRET)
  })

  t.test('a certificate that nobody trusts, or that is for another name: the call fails and nothing of it was sent', async (t) => {
    const lookup: LookupFunction = (_, { all }, callback) =>
      all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4)
    const cases: readonly [certificate: string, host: string, error: RegExp][] = [
      ['second', 'localhost', /^error DEPTH_ZERO_SELF_SIGNED_CERT$/],
      ['first', 'api.acme.example', /^error ERR_TLS_CERT_ALTNAME_INVALID$/],
    ]
    for (const [name, host, error] of cases) {
      const provider = await startRawProvider(t, say(answer('no')), certificate(name))
      const one = send(transportOf(t, { lookup }), at(provider.url.replace('localhost', host)))
      await one.over
      t.match(one.events, [error], host)
      t.equal(one.sent, false, host)
      t.equal(provider.requests.length, 0, host)
    }
  })
}
