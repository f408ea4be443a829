/** The tool that tries the tests is tried itself: what it makes, what it leaves alone, and that the sources stay as they are. */

import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { root } from '../house/sources.ts'
import { luaEdits } from './lua.ts'
import { type Mutant, mutantsOf } from './mutants.ts'
import { tryMutants } from './trial.ts'
import { Workshop } from './workshop.ts'

const JSON_FILE = 'dist/gateway/engine/json.js'
const made = (text: string): string[] => mutantsOf('dist/gateway/engine/a.js', text).map(({ from, to, by }) => text.slice(0, from) + by + text.slice(to))

t.test('a mutant is one change that still parses, and its id is that of its line', async (t) => {
  const text = readFileSync(`${root}/${JSON_FILE}`, 'utf8')
  const mutants = mutantsOf(JSON_FILE, text)
  const apply = ({ from, to, by }: Mutant): string => text.slice(0, from) + by + text.slice(to)
  const some = mutants.filter((_, index) => index % 5 === 0)
  const broken = some.filter((mutant) => (ts.transpileModule(apply(mutant), { reportDiagnostics: true }).diagnostics ?? []).length > 0)
  t.ok(mutants.length > 50)
  t.strictSame(broken, [])
  t.strictSame(
    mutants.filter((mutant) => apply(mutant) === text),
    [],
  )
  t.equal(new Set(mutants.map(({ id }) => id)).size, mutants.length)
  t.strictSame(
    mutantsOf(JSON_FILE, `\n\n${text}`).map(({ id }) => id),
    mutants.map(({ id }) => id),
  )
})

t.test('each kind of change is made, and none where people are spoken to', async (t) => {
  t.strictSame(made('const x = a < b'), ['const x = a <= b', 'const x = a >= b'])
  t.strictSame(made('x = 1n - y'), [';', 'x = 1n + y', 'x = 2n - y', 'x = 0n - y'])
  t.strictSame(made('const x = a && !b'), ['const x = (a) || (!b)', 'const x = a && b'])
  t.strictSame(made('if (a) b()'), ['if (!(a)) b()', 'if (a) ;'])
  t.strictSame(made('const f = async () => { await a(); return true }'), [
    'const f = async () => { return; await a(); return true }',
    'const f = async () => { ; return true }',
    'const f = async () => { a(); return true }',
    'const f = async () => { await a(); return false }',
  ])
  t.strictSame(made('const x = [...a, b,]'), ['const x = [...[], b,]', 'const x = [...a, ]'])
  t.strictSame(made('const x = { ...a, b }'), ['const x = { ...{}, b }'])
  t.strictSame(made('this.#log.warn({ a: 1 })\nthrow new Error("a" + 1)\nconst x = "a" + b'), [])
  t.strictSame(made('const LIMIT_MS = 5000'), ['const LIMIT_MS = 0'])
  const lua = "local x = a - 1 -- a - 1\nif a <= 'a - b' and not b then\n  keep(a)\nend"
  t.strictSame(
    luaEdits(lua, 0).map(({ from, to, by }) => `${lua.slice(from, to)} -> ${by}`),
    ['<= -> <', '<= -> >', 'and -> or', 'not  -> ', '- -> +', '1 -> 2', 'keep(a) -> '],
  )
})

t.test('a mutant is killed by the test that notices it, survives where none does, and never stands in dist', async (t) => {
  const before = readFileSync(`${root}/${JSON_FILE}`, 'utf8')
  const room = { sources: /^gateway\/engine\/json\.ts$/, tests: ['engine'] }
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  const tried = await tryMutants({ room, count: 2, seed: 3, test: 'engine/json.test', say })
  t.match(
    tried,
    [1, 2].map(() => ({ fate: 'killed', by: 'test/engine/json.test.ts', place: /^gateway\/engine\/json\.ts:\d+$/ })),
    said.join('\n'),
  )
  const ids = [tried[0]?.mutant.id ?? '']
  t.match(await tryMutants({ room, count: 3, seed: 3, ids, test: 'engine/counters-nowhere', say }), [{ mutant: { id: ids[0] }, fate: 'survived' }])
  t.equal(readFileSync(`${root}/${JSON_FILE}`, 'utf8'), before)
})

t.test('the command of a test runs what was changed, not what was bundled before', async (t) => {
  const shop = new Workshop(root)
  t.teardown(() => shop.close())
  shop.write('dist/gateway/main.js', "export const run = async () => console.log('changed')\n")
  t.match(await shop.run('gateway/atlas.mjs', 60_000), { end: 'passed', said: 'changed\n' })
})
