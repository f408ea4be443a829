/** Where the master key comes from, and what is refused; nothing of it is ever said. */

import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { outputOf } from '../../gateway/vault/command.ts'
import { memoryFolder, temporaryFolder } from '../rig/folder.ts'
import { until } from '../rig/gateway.ts'
import { keyOf, modeOf, secretIn, vaultIn } from '../rig/vault.ts'

const SECRET = Buffer.from('secret of nansen')
const A = { ATLAS_MASTER_KEY: keyOf('a') }
const B = { ATLAS_MASTER_KEY: keyOf('b') }
const ID_A = '5fb0e9df34c181f8'

t.test('looking makes nothing, nor does what cannot be done; the first credential makes a key for its owner alone', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  const vault = vaultIn(folder)
  t.equal(await secretIn(vault, 'nansen'), '(the vault has no nansen; add it with: atlas connection add nansen)')
  t.strictSame(await vault.rows(), [])
  t.notOk(existsSync(folder))
  await t.rejects(vault.rotate('nansen', SECRET), /^the vault has no nansen; add it with/)
  await t.rejects(vault.remove('nansen'), /^the vault has no "nansen"/)
  await t.rejects(vault.add('nansen', Buffer.from(' a')), /^the credential begins or ends with a space/)
  await t.rejects(vault.rekey({ dataKeys: false }), /^there is no vault at .* yet; atlas connection add NAME makes it$/)
  t.notOk(existsSync(join(folder, 'master.key')))
  const before = process.umask(0)
  await vault.add('nansen', SECRET).finally(() => process.umask(before))
  t.strictSame(
    readdirSync(folder).map((name) => [name, modeOf(join(folder, name))]),
    [
      ['master.key', '600'],
      ['vault.json', '600'],
      ['vault.json.lock', '600'],
    ],
  )
  t.equal(modeOf(folder), '700')
  t.match(readFileSync(join(folder, 'master.key'), 'utf8'), /^[0-9a-f]{64}\n$/)
  t.equal(await secretIn(vaultIn(folder), 'nansen'), 'secret of nansen')
})

t.test('a key file that others can read, or that is not ours, or that is no key, is refused', async (t) => {
  const folder = memoryFolder(t)
  const keyFile = join(folder, 'my.key')
  writeFileSync(keyFile, `${keyOf('a').toUpperCase()}\r\n`, { mode: 0o400 })
  const vault = vaultIn(folder, { keyFile })
  await vault.add('nansen', SECRET)
  t.equal(await secretIn(vaultIn(folder, { env: A }), 'nansen'), 'secret of nansen', 'it is the same key wherever it comes from')
  for (const mode of [0o640, 0o604, 0o660, 0o700 | 0o001]) {
    chmodSync(keyFile, mode)
    await t.rejects(
      vault.read(['nansen']),
      new RegExp(`^the master key file .*my\\.key is open to others \\(mode 0${mode.toString(8)}\\); expected 0600: chmod 600 .*my\\.key$`),
    )
  }
  chmodSync(keyFile, 0o600)
  for (const [text, sentence] of [
    [keyOf('a').slice(1), /holds no master key; expected 64 hex digits/],
    [`${keyOf('a')}\n\n`, /holds no master key/],
    [` ${keyOf('a')}`, /holds no master key/],
    ['', /holds no master key/],
    ['a'.repeat(2000), /is larger than 1024 bytes/],
  ] as const) {
    writeFileSync(keyFile, text)
    await t.rejects(vault.read(['nansen']), sentence)
    await vault.read(['nansen']).catch((error) => t.notMatch(String(error), /a{8}/, 'and says nothing of what is in it'))
  }
  rmSync(keyFile)
  mkdirSync(keyFile, { mode: 0o700 })
  await t.rejects(vault.read(['nansen']), /my\.key is no file; expected one with 64 hex digits$/)
})

t.test('a key file of another user is refused', async (t) => {
  const folder = memoryFolder(t)
  const vault = vaultIn(folder)
  await vault.add('nansen', SECRET)
  // Only root can give a file away; whoever else runs this becomes another user for the moment.
  const own = process.geteuid?.() ?? 0
  const [owner, reader] = own === 0 ? [65_534, 0] : [own, own + 1]
  if (own === 0) chownSync(join(folder, 'master.key'), owner, owner)
  else t.intercept(process, 'geteuid', { value: () => reader })
  const said = new RegExp(`master\\.key belongs to user ${owner}, the gateway runs as ${reader}; expected its own file: chown ${reader} `)
  await t.rejects(vault.read(['nansen']), said)
})

t.test('with another master key nothing starts, and both keys are named by their ids', async (t) => {
  const folder = memoryFolder(t)
  await vaultIn(folder, { env: A }).add('nansen', SECRET)
  await t.rejects(
    vaultIn(folder, { env: B }).read(['nansen']),
    new RegExp(`^the vault .*vault\\.json is under the master key ${ID_A}, but ATLAS_MASTER_KEY is key [0-9a-f]{16}; expected the key that it was put under$`),
  )
  await t.rejects(vaultIn(folder, { env: B }).add('kaito', SECRET), /is under the master key/, 'nor is anything written')
  await t.rejects(
    vaultIn(folder).read(['nansen']),
    new RegExp(`under the master key ${ID_A}, and there is no key at .*master\\.key; restore that file from a backup, or set ATLAS_MASTER_KEY$`),
  )
  t.notOk(existsSync(join(folder, 'master.key')), 'a new key is never made beside a vault')
  writeFileSync(join(folder, 'master.key'), keyOf('a'), { mode: 0o600 })
  await t.rejects(vaultIn(folder, { env: B }).read(['nansen']), /; the key in .*master\.key fits: use that one$/)
  t.equal(await secretIn(vaultIn(folder, { env: A }), 'nansen'), 'secret of nansen')
})

t.test('ATLAS_MASTER_KEY is 64 hex digits; anything else is an error, and so are two places', async (t) => {
  const folder = memoryFolder(t)
  for (const wrong of ['', 'x', keyOf('a').slice(1), `${keyOf('a')}a`, `0x${keyOf('a').slice(2)}`, keyOf('g'), `${keyOf('a')} `])
    await t.rejects(
      vaultIn(folder, { env: { ATLAS_MASTER_KEY: wrong } }).add('nansen', SECRET),
      /^ATLAS_MASTER_KEY of the environment holds no master key; expected 64 hex digits/,
    )
  t.strictSame(readdirSync(folder), ['vault.json.lock'])
  t.throws(
    () => vaultIn(folder, { env: A, keyFile: '/x' }),
    /^the master key has two places, ATLAS_MASTER_KEY of the environment and vault\.key_file; expected one of them$/,
  )
  t.throws(() => vaultIn(folder, { env: A, keyCommand: ['x'] }), /and vault\.key_command; expected one/)
})

t.test('a command prints the key: without a shell, in the folder of the configuration, and without keys of ours in its environment', async (t) => {
  const folder = memoryFolder(t)
  writeFileSync(join(folder, 'kms'), `#!/bin/sh\n[ "$1" = '$HOME; x' ] && [ -z "$ATLAS_NEW_MASTER_KEY" ] && [ -n "$REGION" ] && printf '%064d\\n' 7\n`, {
    mode: 0o700,
  })
  const env = { REGION: 'eu', ATLAS_NEW_MASTER_KEY: keyOf('b') }
  const vault = vaultIn(folder, { keyCommand: ['./kms', '$HOME; x'], env })
  await vault.add('nansen', SECRET)
  t.equal(await secretIn(vault, 'nansen'), 'secret of nansen')
  t.equal(await secretIn(vaultIn(folder, { env: { ATLAS_MASTER_KEY: '7'.padStart(64, '0') } }), 'nansen'), 'secret of nansen')
  t.notOk(existsSync(join(folder, 'master.key')))
})

t.test('a command that fails, hangs, or talks too much is a sentence with what it said on stderr, never with what it printed', async (t) => {
  const folder = memoryFolder(t)
  const run = (script: string, withinMs = 5_000): Promise<Buffer> => outputOf({ command: ['sh', '-c', script], folder, env: process.env, withinMs })
  await t.rejects(run('echo hunter2; echo "no such\tkey \u001b[31m" >&2; exit 3'), { message: 'vault.key_command sh ended with status 3: no such key [31m' })
  await t.rejects(run('echo hunter2; kill -9 $$'), { message: 'vault.key_command sh ended with SIGKILL' })
  await t.rejects(run('yes hunter2'), { message: 'vault.key_command sh printed more than 1024 bytes; expected 64 hex digits' })
  await t.rejects(
    outputOf({ command: ['./nowhere'], folder, env: {} }),
    /^vault\.key_command \.\/nowhere cannot be run \(ENOENT\); expected a program and its arguments as a list, without a shell$/,
  )
  await t.rejects(vaultIn(folder, { keyCommand: ['echo', 'hunter2'] }).add('nansen', SECRET), {
    message: /^what vault\.key_command echo prints holds no master key; expected 64 hex digits/,
  })
  // What it started hangs on to its output, and ends with it all the same.
  await t.rejects(run(`echo waiting >&2; sh -c 'echo $$ > pid; exec sleep 600' & wait`, 300), {
    message: 'vault.key_command sh printed no key within 0.3 s: waiting',
  })
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  await until('nothing of it is left', () => {
    try {
      process.kill(pid, 0)
      return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return true
    }
  })
})
