/** docs/reference is made from the declarations, and is as new as they are: every setting, every refusal, every command. */

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { refusals } from '../../gateway/contract/index.ts'
import { commandsOf } from '../../gateway/doors/cli/helping.ts'
import { programOf } from '../../gateway/doors/cli/program.ts'
import { REFERENCES, references } from '../../gateway/doors/reference.ts'
import { ROOT } from '../rig/atlas.ts'

const pages = await references()
const page = (name: string): string => pages.get(name) ?? ''

t.test('the pages are those that the sources make', async (t) => {
  t.same(readdirSync(REFERENCES).sort(), [...pages.keys()].sort(), 'npm run generate')
  for (const [file, text] of pages) t.equal(readFileSync(REFERENCES + file, 'utf8'), text, `${file}: npm run generate`)
})

t.test('every setting that the editor’s schema knows has its row', async (t) => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>
    readonly items?: Schema
  }
  const schema = JSON.parse(readFileSync(`${ROOT}/config/gateway.schema.json`, 'utf8')) as Schema
  const paths = (name: string, { properties, items }: Schema): string[] => {
    if (properties !== undefined) return Object.entries(properties).flatMap(([inner, one]) => paths(name === '' ? inner : `${name}.${inner}`, one))
    return items?.properties === undefined ? [name] : paths(`${name}[]`, { properties: items.properties })
  }
  const all = paths('', schema)
  t.ok(all.length > 80, `${all.length} settings`)
  for (const path of all) t.ok(page('settings.md').includes(`| \`${path}\` |`), path)
  t.match(page('settings.md'), /\| `platform_share` \| a share of 0% to 100%, `10%` \|/, 'and those of the plugins')
})

t.test('every refusal has its row, every command its help with an example', async (t) => {
  for (const [code, { status }] of Object.entries(refusals)) t.match(page('refusals.md'), new RegExp(`\\| \`${code}\` \\| ${status} .*`))
  t.ok(Object.values(refusals).every(({ fix }) => page('refusals.md').includes(fix)))
  for (const { words } of commandsOf(programOf())) {
    const part = page('cli.md').split(`\n## atlas ${words}\n`)[1]?.split('\n## ')[0] ?? ''
    t.match(part, /Usage: atlas[\s\S]*Examples?:\n {2}\S*/, words)
  }
})
