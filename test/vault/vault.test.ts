/** Credentials in the vault: versions, writers at once, another master key without a moment at which nothing opens, and what never leaks. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { blindLook, VaultFollower, vaultLook } from '../../gateway/vault/index.ts'
import { startChild } from '../rig/child.ts'
import { memoryFolder, temporaryFolder } from '../rig/folder.ts'
import { until } from '../rig/gateway.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { fileOf, keyOf, placeIn, secretIn, secretsIn, textOf, vaultIn } from '../rig/vault.ts'

const secret = (text: string): Buffer => Buffer.from(text)
const STEPS = ['prepare', 'write', 'promote', 'done'] as const

t.test('a rotation is the next version, the one before is gone, and no number is given twice', async (t) => {
  const folder = memoryFolder(t)
  let nowMs = Date.UTC(2026, 0, 1)
  const vault = vaultIn(folder, { nowMs: () => nowMs })
  const first = await vault.add('nansen', secret('first'))
  const before = textOf(folder)
  nowMs += 1000
  const second = await vault.rotate('nansen', secret('second'))
  t.match([first, second], [{ version: 1 }, { version: 2, createdMs: first.createdMs, addedMs: nowMs }])
  t.not(first.dataKey, second.dataKey, 'under a data key of its own')
  t.equal(await secretIn(vault, 'nansen'), 'second')
  const kept = (JSON.parse(before) as { entries: { nansen: { secret: { data: string } } } }).entries.nansen.secret.data
  t.notOk(textOf(folder).includes(kept))
  await t.rejects(vault.add('nansen', secret('third')), /^the vault has nansen already; replace it with: atlas connection rotate nansen$/)
  await vault.remove('nansen')
  t.equal(await secretIn(vault, 'nansen'), '(the vault has no nansen; add it with: atlas connection add nansen)')
  t.match(await vault.add('nansen', secret('fourth')), { version: 3, createdMs: nowMs })
})

t.test('what no header takes is refused, and nothing that was given is repeated', async (t) => {
  const vault = vaultIn(memoryFolder(t))
  for (const wrong of [
    '',
    ' hunter2',
    'hunter2 ',
    'hunt\ner2',
    'hunter2\u0000',
    'hunter2\t',
    'hunter2\u007f',
    'hunter2\u00a0',
    'hunter2€',
    `hunter2${'x'.repeat(4096)}`,
    Buffer.from([0x61, 0xff]),
    Buffer.from([0x61, 0xc3]),
  ])
    t.match(
      await vault.add('nansen', Buffer.from(wrong as string)).catch((error: Error) => error.message),
      /^the credential (is empty|is longer than 4096 bytes|begins or ends with a space, or holds a character that no header takes; expected the credential alone)$/,
    )
  for (const [index, right] of ['x', 'a b', 'user:päss', '~!"{}', 'x'.repeat(4096), 'ÿ', '¡'].entries()) {
    await vault.add(`n${index}`, secret(right))
    t.equal(await secretIn(vault, `n${index}`), right)
  }
})

t.test('neither the file nor the vault itself shows a secret or how long it is', async (t) => {
  const folder = memoryFolder(t)
  const vault = vaultIn(folder)
  await vault.add('short', secret('hunter2'))
  await vault.add('long', secret(`hunter2${'x'.repeat(200)}`))
  const text = textOf(folder)
  for (const form of [
    'hunter2',
    secret('hunter2').toString('base64').slice(0, 8),
    secret('hunter2').toString('hex'),
    readFileSync(join(folder, 'master.key'), 'utf8').trim(),
  ])
    t.notOk(text.includes(form))
  const { entries } = JSON.parse(text) as { entries: Record<string, { secret: { data: string } }> }
  t.equal(entries.short?.secret.data.length, entries.long?.secret.data.length)
  t.notMatch(JSON.stringify([vault, await vault.rows()]), /hunter/)
  t.strictSame(Reflect.ownKeys(vault), [])
})

t.test('many processes write at once, and nothing is lost', async (t) => {
  const folder = temporaryFolder(t)
  const children = Array.from({ length: 6 }, (_, index) => startChild(t, 'vault-child.js', [folder, 'add', `p${index}`, '6']))
  t.strictSame(
    await Promise.all(children.map(({ ended }) => ended)),
    children.map(() => 0),
  )
  const kept = await secretsIn(vaultIn(folder))
  t.equal(Object.keys(kept).length, 36)
  for (const [name, text] of Object.entries(kept)) t.equal(text, `secret of ${name}`)
})

t.test('another master key: every secret stays, whoever reads meanwhile', async (t) => {
  const folder = memoryFolder(t)
  const vault = vaultIn(folder)
  for (const name of ['a', 'b', 'c']) await vault.add(name, secret(`secret of ${name}`))
  let over = false
  let reads = 0
  const reading = (async () => {
    while (!over) {
      t.strictSame(await secretsIn(vaultIn(folder)), { a: 'secret of a', b: 'secret of b', c: 'secret of c' })
      reads += 1
    }
  })()
  const seen = new Set<string>()
  for (let round = 0; round < 20; round += 1) {
    const ciphertext = textOf(folder).match(/"secret": \{[^}]*\}/g)
    const { from, to, credentials, toBeSetIn } = await vault.rekey({ dataKeys: round % 2 === 1 })
    t.strictSame([credentials, toBeSetIn, from === to], [3, undefined, false])
    t.equal(
      textOf(folder)
        .match(/"secret": \{[^}]*\}/g)
        ?.join() === ciphertext?.join(),
      round % 2 === 0,
      'the ciphertexts are new only with new data keys',
    )
    seen.add(from).add(to)
  }
  over = true
  await reading
  t.ok(reads > 0)
  t.equal(seen.size, 21)
  t.notOk(existsSync(join(folder, 'master.key.next')))
})

for (const dataKeys of ['false', 'true']) {
  for (const step of STEPS) {
    t.test(`killed at the step ${step}${dataKeys === 'true' ? ', with new data keys' : ''}, the vault opens and can be changed`, async (t) => {
      const folder = temporaryFolder(t)
      await vaultIn(folder).add('nansen', secret('of nansen'))
      t.equal(await startChild(t, 'vault-child.js', [folder, 'rekey', step, dataKeys]).ended, 'SIGKILL')
      t.equal(await secretIn(vaultIn(folder), 'nansen'), 'of nansen')
      await vaultIn(folder).add('kaito', secret('of kaito'))
      t.equal(existsSync(join(folder, 'master.key.next')), step === 'write', 'a key that the vault is under has its place by then')
      await vaultIn(folder).rekey({ dataKeys: false })
      t.notOk(existsSync(join(folder, 'master.key.next')))
      t.strictSame(await secretsIn(vaultIn(folder)), { kaito: 'of kaito', nansen: 'of nansen' })
    })
  }
}

t.test('killed at any moment, again and again, the vault opens', async (t) => {
  const folder = temporaryFolder(t)
  const random = randomFrom(seedOf(t))
  await vaultIn(folder).add('nansen', secret('of nansen'))
  for (let round = 0; round < 12; round += 1) {
    const child = startChild(t, 'vault-child.js', [folder, 'rekeys'])
    await child.said(1 + Math.floor(random() * 3))
    await new Promise((resolve) => setTimeout(resolve, random() * 10))
    await child.kill()
    t.equal(await secretIn(vaultIn(folder), 'nansen'), 'of nansen')
  }
})

t.test('a key from elsewhere is replaced by one that is given, and this process goes on with it', async (t) => {
  const folder = memoryFolder(t)
  const vault = vaultIn(folder, { env: { ATLAS_MASTER_KEY: keyOf('a') } })
  await vault.add('nansen', secret('of nansen'))
  await t.rejects(
    vault.rekey({ dataKeys: true }),
    /^the master key comes from ATLAS_MASTER_KEY, so the new one has to be given; expected ATLAS_NEW_MASTER_KEY or --new-key-file$/,
  )
  await t.rejects(vault.rekey({ dataKeys: true, newKey: Buffer.alloc(32, 0xaa) }), /^the new master key is the old one, 5fb0e9df34c181f8; expected another$/)
  const newKey = Buffer.alloc(32, 0xbb)
  t.match(await vault.rekey({ dataKeys: false, newKey }), { from: '5fb0e9df34c181f8', credentials: 1, toBeSetIn: 'ATLAS_MASTER_KEY' })
  t.ok(newKey.every((byte) => byte === 0))
  await vault.rotate('nansen', secret('next'))
  t.equal(await secretIn(vault, 'nansen'), 'next')
  t.equal(await secretIn(vaultIn(folder, { env: { ATLAS_MASTER_KEY: keyOf('b') } }), 'nansen'), 'next')
  await t.rejects(vaultIn(folder, { env: { ATLAS_MASTER_KEY: keyOf('a') } }).read(['nansen']), /is under the master key/)
  t.notOk(existsSync(join(folder, 'master.key')))
})

t.test('a loader gets an answer for each name, whatever state the vault is in', async (t) => {
  const folder = memoryFolder(t)
  const look = vaultLook({})
  t.match([...(await look(placeIn(folder), ['a', 'b'])).values()], [{ kind: 'missing' }, { kind: 'missing' }])
  await vaultIn(folder).add('a', secret('of a'))
  t.match((await look(placeIn(folder), ['a', 'b'])).get('a'), { kind: 'found', addedAtMs: Date.UTC(2026, 10, 1) })
  writeFileSync(fileOf(folder), 'nonsense')
  t.match((await look(placeIn(folder), ['a', 'b'])).get('b'), { kind: 'missing', why: /is damaged/ })
  t.match([...(await blindLook(placeIn(folder), ['a'])).values()], [{ kind: 'unread' }])
  t.match((await vaultLook({ ATLAS_MASTER_KEY: 'x' })(placeIn(folder, { keyFile: 'x' }), ['a'])).get('a'), { kind: 'missing', why: /two places/ })
})

t.test('who follows a vault takes what others put into it, and nothing else', async (t) => {
  const folder = memoryFolder(t)
  let nowMs = 1_000_000
  const vault = vaultIn(folder, { nowMs: () => nowMs })
  for (const name of ['a', 'b', 'unused']) await vault.add(name, secret(`of ${name}`))
  const taken: string[] = []
  const warned: string[] = []
  const log = { debug: () => undefined, info: () => undefined, warn: (_: object, message: string) => void warned.push(message), error: () => undefined }
  const changed = (name: string, bytes: Buffer): void => void taken.push(`${name}: ${bytes}`)
  const known = new Map([
    ['a', nowMs],
    ['b', nowMs],
  ])
  const follower = new VaultFollower({ vault: vaultIn(folder), file: fileOf(folder), known, changed, log, everyMs: 5 })
  t.teardown(() => follower.close())
  nowMs += 1
  const other = vaultIn(folder, { nowMs: () => nowMs })
  await other.rotate('unused', secret('not wanted'))
  await other.rotate('b', secret('next of b'))
  await other.rekey({ dataKeys: false })
  await until('it is taken', () => taken.length > 0)
  await other.remove('a')
  writeFileSync(
    fileOf(folder),
    textOf(folder)
      .replace('"version": 2', '"version": 3')
      .replace(/"added": "[^"]*"/g, '"added": "2030-01-01T00:00:00.000Z"'),
  )
  await until('an altered one is not', () => warned.length > 0)
  await follower.close()
  t.strictSame(taken, ['b: next of b'])
  t.match(warned[0], /^a changed vault is not taken, the credentials before stay in use: the /)
})
