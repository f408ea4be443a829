/** Every block of the guides is true: commands run, files load, programs compile and run, and what commands are said to answer, they answer. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../rig/atlas.ts'
import { faultsOf, TAKEN } from '../rig/pages.ts'

/** Pages whose blocks another test follows: by another way, or because they are many. */
const FOLLOWED: Readonly<Record<string, string>> = {
  'docs/OPERATORS.md': 'test/e2e/docs-operators.test.ts',
  'docs/FIRST-FIVE-MINUTES.md': 'test/e2e/first-five-minutes.test.ts',
  'docs/adapter-in-ten-minutes.md': 'test/e2e/ten-minutes.test.ts',
  'docs/plugin-in-ten-minutes.md': 'test/e2e/ten-minutes.test.ts',
}
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))]

t.setTimeout(300_000)

for (const page of PAGES.filter((name) => !Object.hasOwn(FOLLOWED, name)))
  t.test(`${page}: what it shows holds`, async (t) => t.strictSame(await faultsOf(t, page, readFileSync(join(ROOT, page), 'utf8')), []))

t.test('pages and blocks that are left to another test are followed there', async (t) => {
  for (const [page, test] of [...Object.entries(FOLLOWED), ...Object.entries(TAKEN)]) {
    const [file = ''] = page.split(' ')
    t.ok(existsSync(join(ROOT, file)), file)
    t.match(readFileSync(join(ROOT, test), 'utf8'), file.replace('docs/', ''), test)
  }
})

t.test('a page that is wrong is found out, with its line', async (t) => {
  const page = [
    ['```sh', 'atlas no-such-command', '```'],
    ['```sh not run: soon', 'true', '```'],
    ['```sh', 'atlas --version || echo there', '```'],
    ['```text', 'elsewhere', '```'],
    ['```yaml', 'mode: sandpit', '```'],
    ['```ts', "const number: number = 'one'", '```'],
    ['```json', '{', '```'],
    ['```ruby', 'puts 1', '```'],
    ['    indented --code'],
  ]
  const faults = await faultsOf(t, 'wrong.md', `${page.map((block) => block.join('\n')).join('\n\n')}\n`)
  const expected = [
    '33: code without',
    '1: ended with 2',
    '5: "not run: soon"',
    '13: nothing said: elsewhere',
    '17: ',
    '21: ',
    '25: SyntaxError',
    '29: nobody can say',
  ]
  t.equal(faults.length, expected.length, faults.join('\n'))
  for (const [at, fault] of faults.entries()) t.ok(fault.startsWith(`wrong.md:${expected[at]}`), fault)
})

/** Names of files in brackets and in backquotes that a reader would look for. */
t.test('links between pages lead somewhere', async (t) => {
  for (const page of [...PAGES, 'CONTRIBUTING.md'])
    for (const [, target = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g))
      if (!/^[a-z]+:/.test(target)) t.ok(existsSync(join(ROOT, page, '..', target)), `${page}: ${target}`)
})
