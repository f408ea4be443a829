/** A credential that the provider refuses pauses its connection; the next one in the vault ends the pause, without a restart. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bearer, openGateway, OPEN_RATE, sandbox, temporaryFolder } from '../rig/gateway.ts'
import { customConnection, reply, startProvider, UPSTREAM } from '../rig/provider.ts'
import { vaultIn } from '../rig/vault.ts'

t.test('a new credential in the vault ends the pause of the one that was refused', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'data'), { mode: 0o700 })
  await vaultIn(join(folder, 'data')).add('acme', Buffer.from('the-old-credential'))
  const provider = await startProvider(t)
  provider.always((response, seen) => reply(seen.headers['x-key'] === 'the-new-credential' ? 200 : 401, {})(response, seen))
  const api_connections = [customConnection(provider.url, { api_key: 'vault:acme' })]
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, api_connections, plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] }), {
    folder,
  })
  const { key } = await rig.key({ credits: '$5' })
  const ask = async (): Promise<number> => (await rig.call('GET', '/acme/search?q=1', { headers: bearer(key) })).status
  const paused = async (): Promise<unknown> => (await rig.office.marketplace.status()).connections[0]?.paused_because
  for (let call = 0; call < 5; call += 1) t.equal(await ask(), 502)
  t.equal(provider.seen.length, 3, 'then it is not asked any more')
  t.match(await paused(), /refused its credential/)
  t.strictSame(rig.gateway.credential('acme', Buffer.from('the-new-credential')), ['acme'])
  t.equal(await paused(), null)
  t.equal(await ask(), 200)
})
