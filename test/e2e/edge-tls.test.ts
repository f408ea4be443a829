/** https on both ports, from files; what changes in them serves within seconds, and what is bad in them never. */

import { mkdirSync, renameSync, rmSync, symlinkSync, copyFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { Agent } from 'undici'
import { atlas, ROOT, startAtlas } from '../rig/atlas.ts'
import { certificatesIn, fingerprintOf, handshake, servedBy } from '../rig/certificates.ts'
import { openGateway, sandbox, temporaryFolder, until, writeConfig } from '../rig/gateway.ts'
import { customConnection, startProvider, UPSTREAM } from '../rig/provider.ts'
import { raw, rawConnection } from '../rig/raw.ts'

const [FIRST, SECOND] = [fingerprintOf('first.pem'), fingerprintOf('second.pem')]
const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'

t.test('both ports speak https, TLS 1.2 or newer and HTTP/1.1 alone', async (t) => {
  const folder = temporaryFolder(t)
  const { tls } = certificatesIn(folder)
  const rig = await openGateway(t, sandbox({ tls }), { folder })
  for (const url of [rig.publicUrl, rig.adminUrl]) {
    t.match(url, /^https:/)
    t.equal((await raw(url, HEALTH)).text, '{"status":"ok"}')
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await handshake(url, { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] })
      t.same([socket.getProtocol(), socket.alpnProtocol], [version, 'http/1.1'])
      socket.destroy()
    }
    await t.rejects(handshake(url, { ALPNProtocols: ['h2'] }), 'HTTP/2 is not agreed on')
    await t.rejects(handshake(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  }
  const offered = await raw(rig.publicUrl, 'POST /nansen/profiler/address/current-balance HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
  t.ok([400, 402].includes(offered.status))
})

t.test('a certificate of its own for the admin port; without one, that of the public port', async (t) => {
  const folder = temporaryFolder(t)
  const { tls } = certificatesIn(folder)
  const own = { cert: join(ROOT, 'test/rig/tls/second.pem'), key: join(ROOT, 'test/rig/tls/second-key.pem') }
  const rig = await openGateway(t, sandbox({ tls, admin: { listen: '127.0.0.1:0', tls: own } }), { folder })
  t.same([await servedBy(rig.publicUrl), await servedBy(rig.adminUrl)], [FIRST, SECOND])
  const admin = await openGateway(t, sandbox({ admin: { listen: '127.0.0.1:0', tls: own } }))
  t.match(admin.publicUrl, /^http:/)
  t.equal(await servedBy(admin.adminUrl), SECOND)
  const page = (origin: string): string => `GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:1\r\nOrigin: ${origin}\r\n\r\n`
  t.equal((await raw(admin.adminUrl, page('https://127.0.0.1:1'))).status, 200, 'its own page is of https')
  t.equal((await raw(admin.adminUrl, page('http://127.0.0.1:1'))).status, 403)
})

t.test('over TLS the same holds: what is ambiguous is refused, what is plain text or nothing at all ends, who leaves cancels', async (t) => {
  const folder = temporaryFolder(t)
  const { tls } = certificatesIn(folder)
  const provider = await startProvider(t)
  const limits = { headers_within: '1s', idle: '1s' }
  const rig = await openGateway(t, sandbox({ tls, limits, upstream: UPSTREAM, api_connections: [customConnection(provider.url)] }), { folder })
  const { key } = await rig.key({ credits: '$1' })
  const ask = (...fields: readonly string[]): string => ['GET /acme/search HTTP/1.1', 'Host: x', `Authorization: Bearer ${key}`, ...fields, '', ''].join('\r\n')
  const refused = await rawConnection(rig.publicUrl)
  refused.send(ask('Host: y') + ask())
  t.match(await refused.answer(), { status: 400, headers: { connection: 'close' } })
  t.equal(await refused.closed(), '')
  const plain = connect({ port: Number(new URL(rig.publicUrl).port), host: '127.0.0.1' })
  const silent = connect({ port: Number(new URL(rig.publicUrl).port), host: '127.0.0.1' })
  const ended = [plain, silent].map(
    (socket) =>
      new Promise<void>((resolve) =>
        socket
          .once('close', () => resolve())
          .on('error', () => undefined)
          .resume(),
      ),
  )
  plain.write(ask())
  await Promise.all(ended)
  const still = await rawConnection(rig.publicUrl)
  t.equal(await still.closed(), '', 'after the handshake nothing was sent')
  t.equal(provider.seen.length, 0)
  provider.next(() => undefined)
  const leaving = await rawConnection(rig.publicUrl)
  leaving.send(ask())
  await provider.asked(1)
  const left = performance.now()
  leaving.socket.destroy()
  const took = ((await provider.seen[0]?.gone) ?? Number.NaN) - left
  t.ok(took < 500, `cancelled after ${Math.round(took)} ms`)
  t.equal((await raw(rig.publicUrl, ask())).status, 200)
})

t.test('a new certificate serves within seconds and drops no request; a bad one is refused loudly and the old one serves', async (t) => {
  const folder = temporaryFolder(t)
  const certificates = certificatesIn(folder)
  const rig = await openGateway(t, sandbox({ tls: certificates.tls }), { folder })
  let running = true
  const statuses = new Map<string, number>()
  const count = (status: string): void => void statuses.set(status, (statuses.get(status) ?? 0) + 1)
  const worker = async (options: { pipelining: 0 | 1 }): Promise<void> => {
    const agent = new Agent({ ...options, connect: { rejectUnauthorized: false } })
    while (running) {
      const answer = agent.request({ origin: rig.publicUrl, path: '/healthz', method: 'GET' })
      await answer.then(async ({ statusCode, body }) => count(`${statusCode} ${(await body.text()).length}`)).catch((error: Error) => count(error.message))
    }
    await agent.destroy()
  }
  // Some on one connection throughout, some on a new one each time.
  const load = [1, 1, 0, 0].map((pipelining) => worker({ pipelining: pipelining as 0 | 1 }))
  const errors = (): number => rig.logged.filter(({ level }) => level === 'error').length
  certificates.put('second.pem', 'first-key.pem')
  await until('the bad pair is refused', () => errors() === 1)
  t.match(
    rig.logged.find(({ level }) => level === 'error')?.message,
    /^the new key does not belong to the certificate.*the former certificate goes on serving$/,
  )
  t.equal(await servedBy(rig.publicUrl), FIRST)
  const changed = performance.now()
  certificates.put('second.pem', 'second-key.pem')
  await until('the new one serves', async () => (await servedBy(rig.publicUrl)) === SECOND)
  t.ok(performance.now() - changed < 3_000)
  t.equal(await servedBy(rig.adminUrl), SECOND, 'on the admin port, too')
  running = false
  await Promise.all(load)
  t.same([...statuses.keys()], ['200 15'], `${statuses.get('200 15')} requests`)
  t.equal(errors(), 1)
})

t.test('a certificate that is changed by a link, as orchestrators do, serves as well', async (t) => {
  const folder = temporaryFolder(t)
  for (const name of ['first', 'second']) {
    mkdirSync(join(folder, name))
    for (const [from, to] of [
      [`${name}.pem`, 'cert.pem'],
      [`${name}-key.pem`, 'key.pem'],
    ] as const)
      copyFileSync(join(ROOT, 'test/rig/tls', from), join(folder, name, to))
  }
  symlinkSync('first', join(folder, 'now'))
  const rig = await openGateway(t, sandbox({ tls: { cert: './now/cert.pem', key: './now/key.pem' } }), { folder })
  t.equal(await servedBy(rig.publicUrl), FIRST)
  symlinkSync('second', join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'now'))
  await until('the new one serves', async () => (await servedBy(rig.publicUrl)) === SECOND)
  rmSync(join(folder, 'now'))
  await until('that it is gone is said', () => rig.logged.some(({ level, message }) => level === 'error' && /cannot be read/.test(message)))
  t.equal(await servedBy(rig.publicUrl), SECOND)
})

t.test('commands reach an admin port of https by the certificate of the configuration, and nobody else’s', async (t) => {
  const folder = temporaryFolder(t)
  const certificates = certificatesIn(folder)
  const file = writeConfig(folder, sandbox({ tls: certificates.tls }))
  const started = await startAtlas(t, file)
  t.match(started.publicUrl, /^https:/)
  const made = await atlas(['key', 'create', '--credits', '$1', '--json', '--config', file], { env: started.env })
  t.equal(made.status, 0, made.stderr)
  t.match(made.json, { key: /^atlas_/, credits: '1.00' })
  t.match(made.stderr, /the gateway at https:\/\/127\.0\.0\.1:\d+ answered/)
  t.equal((await atlas(['ledger', 'export', '--config', file], { env: started.env })).status, 0)
  // Somebody else on the port: the store of the running gateway is in use, so that nothing is done.
  const other = writeConfig(
    temporaryFolder(t),
    sandbox({ tls: { cert: join(ROOT, 'test/rig/tls/second.pem'), key: join(ROOT, 'test/rig/tls/second-key.pem') } }),
  )
  const refused = await atlas(['key', 'list', '--config', other], { env: started.env })
  t.match(refused.stderr, /no gateway runs at https:/)
  t.equal(await started.stop(), 0)
})
