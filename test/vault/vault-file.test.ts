/** A vault that anybody has altered is refused with one sentence; never does a wrong or an empty credential come out of it. */

import { rmSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { VaultError } from '#contract'
import type { Vault } from '../../gateway/vault/index.ts'
import { memoryFolder, type Teardown } from '../rig/folder.ts'
import { seedOf } from '../rig/random.ts'
import { fileOf, keyOf, secretIn, textOf, vaultIn } from '../rig/vault.ts'

const ENV = { ATLAS_MASTER_KEY: keyOf('a') }

async function twoIn(t: Teardown): Promise<{ folder: string; vault: Vault; text: string }> {
  const folder = memoryFolder(t)
  const vault = vaultIn(folder, { env: ENV })
  await vault.add('nansen', Buffer.from('secret of nansen'))
  await vault.add('kaito', Buffer.from('secret of kaito'))
  return { folder, vault, text: textOf(folder) }
}

/** What comes out of such a text, or the sentence. */
async function outOf(vault: Vault, folder: string, text: string | Buffer, name = 'nansen'): Promise<string> {
  writeFileSync(fileOf(folder), text)
  try {
    return await secretIn(vault, name)
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    return `(${error.message})`
  }
}

interface Shape {
  version: number
  writing: number
  entries: Record<string, { version: number; added: string; data_key: object; secret: object }>
  removed: Record<string, number>
}
const edited = (text: string, edit: (shape: Shape) => void): string => {
  const shape = JSON.parse(text) as Shape
  edit(shape)
  return `${JSON.stringify(shape, null, 2)}\n`
}

const put = (into: object | undefined, members: object): void => void Object.assign(into ?? {}, members)

t.test('one bit of the file is another one: refused, whichever', async (t) => {
  const { folder, vault, text } = await twoIn(t)
  const seed = seedOf(t)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 1) {
    const other = Buffer.from(bytes)
    other[at] = (other[at] as number) ^ (1 << ((at + seed) & 7))
    const out = await outOf(vault, folder, other)
    if (!/^\(the (vault|credential) .*\)$/.test(out)) t.fail(`byte ${at}: ${out}`)
  }
  t.equal(await outOf(vault, folder, text), 'secret of nansen')
})

t.test('cut off anywhere, empty, or something else: refused', async (t) => {
  const { folder, vault, text } = await twoIn(t)
  const property = fc.asyncProperty(fc.integer({ min: 0, max: text.length - 1 }), async (length) => {
    return (await outOf(vault, folder, text.slice(0, length))).startsWith(`(the vault ${fileOf(folder)} is damaged: `)
  })
  await fc.assert(property, { seed: seedOf(t), numRuns: 200 })
  for (const other of [
    '{}',
    'null',
    '[]',
    `${text} `,
    text.replace('{', '{"seal":"AAAA",'),
    text.replaceAll('\n', '\r\n'),
    JSON.stringify(JSON.parse(text)),
    '\0'.repeat(10),
  ])
    t.match(
      await outOf(vault, folder, other),
      /^\(the vault .* is damaged: it is not a vault as the gateway writes it; restore it from a backup, or move it away/,
      other.slice(0, 20),
    )
})

t.test('credentials exchanged, renamed, put back from an older file, left out, or made younger: refused', async (t) => {
  const { folder, vault, text } = await twoIn(t)
  await vault.rotate('nansen', Buffer.from('second of nansen'))
  const now = textOf(folder)
  const old = JSON.parse(text) as Shape
  const attempts: Readonly<Record<string, (shape: Shape) => void>> = {
    'exchanged as a whole': ({ entries }) => put(entries, { nansen: entries.kaito, kaito: entries.nansen }),
    'exchanged ciphertexts': ({ entries }) => put(entries.nansen, { secret: entries.kaito?.secret }),
    'exchanged data keys': ({ entries }) => put(entries.nansen, { data_key: entries.kaito?.data_key }),
    renamed: ({ entries }) => {
      entries.nansen = entries.kaito as never
      delete entries.kaito
    },
    'put back from an older file': ({ entries }) => put(entries, { nansen: old.entries.nansen }),
    'put back under the new number': ({ entries }) => put(entries, { nansen: { ...(old.entries.nansen as object), version: 2 } }),
    'left out': ({ entries }) => void delete entries.kaito,
    'made younger': ({ entries }) => put(entries.nansen, { added: '2027-01-01T00:00:00.000Z' }),
    'counted back': (shape) => put(shape, { writing: 2 }),
    'forgotten to have been removed': (shape) => put(shape, { removed: { arkham: 4 } }),
  }
  for (const [what, edit] of Object.entries(attempts)) {
    const out = await outOf(vault, folder, edited(now, edit))
    t.match(out, /^\((the credential of nansen does not open with the master key|the vault .* was altered: its seal does not fit the master key) /, what)
    await t.rejects(vault.add('other', Buffer.from('x')), VaultError, `${what}: nor is anything written over it`)
  }
  t.match(
    await outOf(vault, folder, edited(now, attempts['exchanged as a whole'] as never)),
    /^\(the credential of nansen does not open .* was altered after it was written; restore/,
  )
  t.equal(await outOf(vault, folder, now), 'second of nansen')
})

t.test('a vault of a version to come is left alone', async (t) => {
  const { folder, vault, text } = await twoIn(t)
  const newer = edited(text, (shape) => put(shape, { version: 2 }))
  t.equal(
    await outOf(vault, folder, newer),
    `(the vault ${fileOf(folder)} has format version 2; this version of the gateway reads 1: use the one that wrote it)`,
  )
  await t.rejects(vault.add('other', Buffer.from('x')), /has format version 2/)
  t.equal(textOf(folder), newer)
})

t.test('a vault that this format was first written in opens for ever', async (t) => {
  const folder = memoryFolder(t)
  const text = KEPT
  t.equal(await outOf(vaultIn(folder, { env: ENV }), folder, text), 'secret of nansen')
  rmSync(fileOf(folder))
})

t.test('names that look like numbers, or like members of objects, are names like others', async (t) => {
  const folder = memoryFolder(t)
  const vault = vaultIn(folder, { env: ENV })
  for (const name of ['9', 'b', '10', 'constructor', 'a', '007']) await vault.add(name, Buffer.from(`of ${name}`))
  await vault.remove('10')
  for (const name of ['9', 'b', 'constructor', 'a', '007']) t.equal(await secretIn(vault, name), `of ${name}`)
  for (const name of ['__proto__', '', 'a/b', '../x', '.a', 'a b', 'x'.repeat(65)]) await t.rejects(vault.add(name, Buffer.from('x')), / is no name; expected /)
})

const KEPT = `{
  "format": "atlas-vault",
  "version": 1,
  "master_key": "5fb0e9df34c181f8",
  "writing": 1,
  "entries": {
    "nansen": {
      "version": 1,
      "created": "2026-11-01T00:00:00.000Z",
      "added": "2026-11-01T00:00:00.000Z",
      "data_key": {
        "id": "3b0526f884e77ae1",
        "iv": "qN4GtiJFfYuuNqC9",
        "data": "Xi6BZyiWVERq9ltGZJCKIM1HCfOzUkkNLC4m2cfYo24",
        "tag": "FLYcL-XvZ1g8WBmMkQqn8g"
      },
      "secret": {
        "iv": "48I0BiV3XvHFkzKN",
        "data": "JZSmj1FogE6FBMw8FtVwjBfzuXRvdCCjb6noh5mpGMhcN-lsOh2Wm0-2uzwrVIjGt8zUf_RjPUgrihGjyOrcAscHlxmpb_3KoVVekFNq-cl0nzbd_QQSUj3VdSmQXqj5Qk9aqBG_dVPVaxFr-j74yVXST6pZLEUzHw4L5DczSRVNkST44bSf4Q3Ngbm6NbN6zQLOkpRcfAtf-JmRdI2EkZ5yM9gwIwLLQheulOOe-AFtWO2eocABYLBDetAuJX3vOodZ0Ehf-bPpkDEM_HPyr4ruQhULQsfglpHWcVJbg-R_88CsNAIhVX1zGVMAI4HGnvxxAmnqTuzZ6TBwDLim9A",
        "tag": "w_o-oE5JiGVQtFEKuZBV2w"
      }
    }
  },
  "removed": {},
  "seal": "HoqRyj8NhUxKtKxatH8yfLD-uLpLRinqYzasyzgIUtM"
}
`
