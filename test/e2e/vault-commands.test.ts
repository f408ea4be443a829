/** Commands of the vault: what is refused, two at once, the master key of the environment, and the admin port. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { atlas, startAtlas } from '../rig/atlas.ts'
import { bearer, openGateway, sandbox, temporaryFolder, until } from '../rig/gateway.ts'
import { freePort } from '../rig/port.ts'
import { startProvider } from '../rig/provider.ts'
import { keyOf, secretIn, vaultIn } from '../rig/vault.ts'
import { FIRST, holds, openVaultShop, SECOND, selling } from '../rig/vault-shop.ts'

t.test('a credential among the arguments is refused with a reason, and is not repeated', async (t) => {
  const { run, said, folder } = await openVaultShop(t)
  const refused = [
    ['add', 'acme', FIRST],
    ['rotate', 'acme', FIRST],
    ['add', 'acme', `--api-key=${FIRST}`],
    ['add', 'acme', '--', FIRST],
  ].map(async (args) => {
    const sentence =
      /^atlas connection \w+ takes a name and nothing else: a credential among the arguments stands in the shell's history and in the list of processes; /
    t.match(await run(['connection', ...args]), { status: 2, stdout: '', stderr: sentence })
  })
  await Promise.all(refused)
  t.match(await run(['connection', 'add', 'acme']), {
    status: 1,
    stderr: /^nothing was piped; expected the credential on standard input, or a terminal to type it at$/m,
  })
  t.match(await run(['connection', 'list']), { status: 0, stdout: 'the vault is empty\n' })
  t.strictSame(holds(folder, said, [FIRST]), [])
  t.notOk(existsSync(join(folder, 'data', 'vault.json')))
})

t.test('two commands at once wait for each other, and nothing is lost', async (t) => {
  const { file, folder } = await openVaultShop(t)
  const env = { PORT: '0', ADMIN_PORT: String(await freePort()) }
  const ran = await Promise.all(['acme', 'one', 'two'].map((name) => atlas(['connection', 'add', name, '--config', file], { env, input: `secret of ${name}` })))
  t.strictSame(
    ran.map(({ status, stderr }) => (status === 0 ? 0 : stderr)),
    [0, 0, 0],
  )
  for (const name of ['acme', 'one', 'two']) t.equal(await secretIn(vaultIn(join(folder, 'data')), name), `secret of ${name}`)
})

t.test('ATLAS_MASTER_KEY: the wrong one starts nothing and names both; another one is taken from ATLAS_NEW_MASTER_KEY', async (t) => {
  const { file, folder, put, run } = await openVaultShop(t)
  const [a, b] = [{ ATLAS_MASTER_KEY: keyOf('a') }, { ATLAS_MASTER_KEY: keyOf('b') }]
  t.match(await put('add', FIRST, a), { status: 0 })
  t.notOk(existsSync(join(folder, 'data', 'master.key')))
  t.match(await run(['check'], b), {
    status: 1,
    stderr: /vault:acme cannot be resolved: the vault .* is under the master key 5fb0e9df34c181f8, but ATLAS_MASTER_KEY is key [0-9a-f]{16}; expected the key/,
  })
  const gateway = await startAtlas(t, file, { env: a })
  t.match(await run(['vault', 'rotate'], { ...gateway.env, ...a, ATLAS_NEW_MASTER_KEY: keyOf('b') }), {
    status: 0,
    stdout:
      /^master key 5fb0e9df34c181f8 is replaced by [0-9a-f]{16}, for 1 credential\nput the new key where ATLAS_MASTER_KEY is, before the next start; the old one opens nothing any more\n$/,
  })
  t.match(await put('rotate', SECOND, { ...gateway.env, ...a }), { status: 0 }, 'the gateway goes on with the new one')
  await gateway.stop()
  t.match(await run(['check'], a), { status: 1, stderr: /is under the master key/ })
  t.equal(await secretIn(vaultIn(join(folder, 'data'), { env: b }), 'acme'), SECOND)
})

t.test('a new master key comes from a file of its owner alone, or is piped in', async (t) => {
  const { file, folder, put } = await openVaultShop(t)
  t.match(await put('add', FIRST), { status: 0 })
  const env = { ADMIN_PORT: String(await freePort()) }
  const keyFile = join(folder, 'next.key')
  writeFileSync(keyFile, keyOf('c'), { mode: 0o644 })
  t.match(await atlas(['vault', 'rotate', '--config', file, '--new-key-file', keyFile], { env }), {
    status: 1,
    stderr: /next\.key is open to others \(mode 0644\); expected 0600/,
  })
  t.match(await atlas(['vault', 'rotate', '--config', file, '--new-key-file', '-', '--json'], { env, input: `${keyOf('b')}\n` }), {
    status: 0,
    json: { credentials: 1, to_be_set_in: null },
  })
  t.equal(readFileSync(join(folder, 'data', 'master.key'), 'utf8').trim(), keyOf('b'), 'and takes the place of the one before')
  t.equal(await secretIn(vaultIn(join(folder, 'data')), 'acme'), FIRST)
})

t.test('a running gateway takes what another process has put into its vault', async (t) => {
  const provider = await startProvider(t)
  const folder = temporaryFolder(t)
  const vault = vaultIn(join(folder, 'data'), { nowMs: Date.now })
  await vault.add('acme', Buffer.from(FIRST))
  const { call, key, logged } = await openGateway(t, selling(provider.url), { folder })
  const consumer = await key({ credits: '$5' })
  const carried = async (): Promise<unknown> => {
    t.equal((await call('GET', '/acme/search?q=x', { headers: bearer(consumer.key) })).status, 200)
    return provider.seen.at(-1)?.headers['x-key']
  }
  t.equal(await carried(), FIRST)
  await vault.rotate('acme', Buffer.from(SECOND))
  await until('it is taken', () => logged.some(({ message }) => message === 'a new credential of the vault is in use'))
  t.equal(await carried(), SECOND)
  t.notMatch(JSON.stringify(logged), /5ecret/)
})

t.test('the admin port takes a credential in its body only, and answers nothing of it', async (t) => {
  const { adminUrl, folder, logged, office } = await openGateway(t, sandbox())
  const post = async (path: string, body: object): Promise<{ status: number; text: string }> => {
    const response = await fetch(adminUrl + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: response.status, text: await response.text() }
  }
  const answers = [
    await post('/api/connections/add', { name: 'acme', secret: FIRST }),
    await post('/api/connections/rotate', { name: 'acme', secret: SECOND }),
    await post('/api/connections/rotate', { name: 'acme', secret: 5 }),
    await post('/api/connections/rotate', { name: 'acme' }),
    await post('/api/connections/rotate', { name: 'acme', secret: `${FIRST}\n` }),
    await post('/api/connections/add', { secret: FIRST }),
    await post('/api/vault/rotate', { new_key: FIRST }),
    await post('/api/vault/rotate', { data_keys: true }),
    await post('/api/connections/remove', { name: 'acme' }),
  ]
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200, 422, 422, 422, 422, 422, 200, 200],
  )
  const { entries } = await office.audit.tail({})
  const acts = entries.filter(({ action }) => /^(connection|vault)\./.test(String(action)))
  t.match(acts, [
    { action: 'connection.add', actor: 'admin', subject: 'acme', detail: /^version 1 under the data key [0-9a-f]{16}; from loopback$/ },
    { action: 'connection.rotate', actor: 'admin', subject: 'acme', detail: /^version 2 under the data key / },
    {
      action: 'vault.rotate',
      actor: 'admin',
      detail: /^master key [0-9a-f]{16} replaced by [0-9a-f]{16}; 1 credential encrypted with new data keys; from loopback$/,
    },
    { action: 'connection.remove', actor: 'admin', subject: 'acme', detail: 'version 2 removed; from loopback' },
  ])
  t.equal(acts.length, 4, 'what was refused is no act')
  t.notMatch(JSON.stringify([answers, logged, entries]), /5ecret/)
  t.strictSame(holds(folder, [], [FIRST, SECOND]), [])
})
