/** Writes the reference of every adapter into docs/adapters: `npm run generate`. Pages of adapters that are gone go, too. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Adapter } from '#contract'
import { discover } from '../../config/discover.ts'
import { ROOT } from './found.ts'
import { referenceOf } from './reference.ts'

export const REFERENCE = join(ROOT, 'docs/adapters')

/** Page name -> its text, for the adapters that are there. */
export const reference = async (folder: URL | string = new URL('../../adapters/', import.meta.url)): Promise<ReadonlyMap<string, string>> =>
  referenceOf((await discover<Adapter>(folder, 'adapter')).values())

if (process.argv[1]?.endsWith('kit/generate.js') === true) {
  const pages = await reference()
  mkdirSync(REFERENCE, { recursive: true })
  for (const file of readdirSync(REFERENCE)) if (!pages.has(file)) rmSync(join(REFERENCE, file))
  for (const [file, page] of pages) writeFileSync(join(REFERENCE, file), page)
}
