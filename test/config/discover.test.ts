/** Plugins and adapters are found by being there; what does not fit is named in one sentence. */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Plugin } from '#contract'
import { discover } from '../../config/discover.ts'

const plugin = (name: string) => `export default { name: '${name}', describe: '', settings: {}, create: () => ({}) }`

function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-discover-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

t.test('files are found sorted; declarations, source maps, hidden files and folders are none', async (t) => {
  const folder = folderWith({
    'b.mjs': plugin('b'),
    'a.mjs': plugin('a'),
    'a.d.ts': '!',
    'a.mjs.map': '!',
    '.hidden.mjs': '!',
    'README.md': '!',
    'c.test.mjs': '!',
  })
  mkdirSync(join(folder, 'inner'))
  t.same([...(await discover<Plugin>(folder, 'plugin')).keys()], ['a', 'b'])
  t.same([...(await discover<Plugin>(pathToFileURL(folder), 'plugin')).keys()], ['a', 'b'], 'also by URL')
})

const misfits: Record<string, { text: string; kind?: 'adapter'; says: RegExp }> = {
  'no default export': {
    text: 'export const a = 1',
    says: /^x\.mjs: found no default export; expected export default definePlugin\(\{ name: 'x', \.\.\. \}\)$/,
  },
  'another name': {
    text: plugin('y'),
    says: /^x\.mjs: found the name "y"; expected export default definePlugin\(\{ name: 'x'/,
  },
  'a function': {
    text: 'export default () => {}',
    says: /^x\.mjs: found a function; expected/,
  },
  'an adapter among plugins': {
    text: "export default { name: 'x', operations: [], failures: [] }",
    says: /^x\.mjs: found something that is no plugin; expected/,
  },
  'a plugin among adapters': {
    text: plugin('x'),
    kind: 'adapter',
    says: /^x\.mjs: found something that is no adapter; expected export default defineAdapter/,
  },
  'a file that does not parse': {
    text: 'export default {',
    says: /^x\.mjs: could not be loaded: .*; expected/,
  },
}

for (const [what, { text, kind = 'plugin', says }] of Object.entries(misfits))
  t.test(`${what} stops with one sentence`, (t) => t.rejects(discover(folderWith({ 'x.mjs': text }), kind), { message: says }))

t.test('two files for one name stop', (t) =>
  t.rejects(
    discover(
      folderWith({
        'x.mjs': plugin('x'),
        'x.js': `module.exports = ${plugin('x').slice('export default '.length)}`,
      }),
      'plugin',
    ),
    {
      message: /there are two files for the plugin x; expected one/,
    },
  ),
)
