/** The sources of the product in a folder of their own, to change them without touching these. */
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './atlas.ts'
import { type Teardown, temporaryFolder } from './folder.ts'

const PRODUCT = ['gateway', 'config', 'plugins', 'adapters']

export function copyOfHouse(t: Teardown): string {
  const house = join(temporaryFolder(t), 'house')
  for (const part of [...PRODUCT, 'docs', 'package.json', 'tsconfig.json', 'gateway.config.yml'])
    cpSync(join(ROOT, part), join(house, part), { recursive: true })
  for (const part of [...PRODUCT, 'bundle', 'rules', '.sources.json']) cpSync(join(ROOT, 'dist', part), join(house, 'dist', part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(house, 'node_modules'))
  return house
}
