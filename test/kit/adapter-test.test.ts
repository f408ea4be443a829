/** `atlas adapter test` and `plugin test`: every file of the house is good, and a copy that is broken in one way is told so, whatever the way. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isGood, shown, testAdapter, testPlugin } from '../../gateway/kit/index.ts'
import { newAdapter, newPlugin } from '../../gateway/kit/templates.ts'
import { ROOT } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'

const sources = (folder: string): readonly string[] => readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.ts'))

t.test('every adapter and every plugin that is found is good', async (t) => {
  const [adapters, plugins] = [sources('adapters'), sources('plugins')]
  t.ok(adapters.length >= 7 && plugins.length >= 9)
  for (const file of adapters) {
    const verdict = await testAdapter(join(ROOT, 'adapters', file))
    t.ok(isGood(verdict), shown(verdict))
  }
  for (const file of plugins) {
    const verdict = await testPlugin(join(ROOT, 'plugins', file))
    t.ok(isGood(verdict), shown(verdict))
  }
})

const STYLE = { ours: false, contract: 'atlas-gateway', extension: '.mjs' } as const
const adapter = newAdapter('acme', STYLE)
const plugin = newPlugin('acme', STYLE)

/** A copy of the file with one text in place of another. */
async function verdictOf(t: Parameters<typeof temporaryFolder>[0], kind: 'adapter' | 'plugin', from: string | RegExp, to: string): Promise<string> {
  const file = join(temporaryFolder(t), 'acme.mjs')
  const whole = kind === 'adapter' ? adapter : plugin
  const broken = whole.replace(from, () => to)
  if (broken === whole) throw new Error(`the template has no ${from}`)
  writeFileSync(file, broken)
  const verdict = await (kind === 'adapter' ? testAdapter(file) : testPlugin(file))
  return isGood(verdict) ? 'good' : shown(verdict)
}

const BROKEN_ADAPTERS: readonly [what: string, from: string | RegExp, to: string, says: RegExp][] = [
  ['no JavaScript', 'export default', 'export default {', /could not be loaded/],
  ['another name', "name: 'acme'", "name: 'acne'", /found the name "acne"/],
  ['a misspelt member', 'credential:', 'credentail:', /credentail is not known.*\n.*credential is missing/],
  ['no terms', /terms: \{[^}]*\},/, '', /terms is missing/],
  ['no source of the terms', "source: 'https://acme.example/terms', ", '', /terms\.source is missing/],
  ['a negative unit', 'units: 1,', 'units: -1,', /units is -1; expected a whole number/],
  ['an operation that costs nothing', 'units: 1,', 'units: 0,', /0 is no count of units/],
  ['units that throw', '=> (query.deep', '=> (query.deep.x.y', /units throws on/],
  ['units that are no number', "=== 'true' ? 5 : 1", "=== 'true' ? NaN : 1", /units tells NaN/],
  ['units above their maximum', 'maxUnits: 5', 'maxUnits: 4', /more than its maximum/],
  ['a pattern that runs away', "q: { type: 'string',", "q: { type: 'string', pattern: '^(a+)+$',", /pattern that can run away/],
  ['a sample that contradicts its schema', "required: ['items']", "required: ['rows']", /the sample contradicts the schema of the answer/],
  ['an example that does not fit', "q: 'item'", "q: ''", /the example's query member q contradicts its schema/],
  ['an example that lacks what is required', "example: { query: { q: 'item' } },", '', /the example lacks q, which is required/],
  ['a path out of the base', "'/items/:id'", "'/../items/:id'", /segment "\.\."/],
  ['a base without encryption', 'https://api.acme', 'http://api.acme', /baseUrl is .*expected an https URL/],
  ['a credential that a consumer can write', "in: 'header', name: 'X-API-Key'", "in: 'query', name: 'q'", /lists the query member of the credential/],
  ['a failure that is never reached', '{ status: 429, bodyHas', "{ status: 429, means: 'rate-limited' }, { status: 429, bodyHas", /is never reached/],
  ['a failure whose sample it does not read', 'monthly limit reached', 'too much', /sample of 429 with "monthly" .* is read as 429 \(rate-limited\)/],
  [
    'a success that is a failure',
    '{ status: 401, means',
    "{ status: '2xx', bodyMember: 'items', means: 'unknown' }, { status: 401, means",
    /the example is answered 502/,
  ],
  ['a credit line that is missing', "resale: 'ask'", "resale: 'attribution'", /asks for a credit line/],
  [
    'caching of what does more than read',
    "method: 'GET',\n      path: '/items/:id',",
    "method: 'POST',\n      path: '/items/:id',\n      caching: { seconds: 5, source: 'x', checked: '2026-11-26' },",
    /none that only reads/,
  ],
]

t.test('an adapter that is broken in one way is told so in a sentence', async (t) => {
  t.equal(await verdictOf(t, 'adapter', 'what it is', 'what it was'), 'good', 'a comment breaks nothing')
  for (const [what, from, to, says] of BROKEN_ADAPTERS) t.match(await verdictOf(t, 'adapter', from, to), says, what)
})

t.test('what only calls show is seen, too: price, path, failures, form and credential', async (t) => {
  // Rules that say one thing when the file is judged and another when a call is made.
  const turning = 'let asked = 0\nexport default defineAdapter'
  const sly = (units: string): string =>
    adapter.replace('export default defineAdapter', () => turning).replace('units: 1,', () => `units: () => ${units},\n      maxUnits: 5,`)
  for (const [units, says] of [
    ['(asked++ % 2 === 0 ? 5 : 1)', /the provider counted 5 units; expected 1/],
    ["{ if (asked++ > 6) throw new Error('late'); return 1 }", /late|answered 503|counted 0/],
  ] as const) {
    const file = join(temporaryFolder(t), 'acme.mjs')
    writeFileSync(file, sly(units))
    t.match(shown(await testAdapter(file)), says)
  }
  const leaking = adapter.replace("sample: { id: '42'", 'sample: { get id() { return String(Math.random()) }')
  const file = join(temporaryFolder(t), 'acme.mjs')
  writeFileSync(file, leaking)
  t.notOk(isGood(await testAdapter(file)), 'a sample that is not the same twice')
})

const BROKEN_PLUGINS: readonly [what: string, from: string | RegExp, to: string, says: RegExp][] = [
  ['no JavaScript', 'export default', 'export default {', /could not be loaded/],
  ['another name', "name: 'acme'", "name: 'acne'", /found the name "acne"/],
  ['no create', 'create:', 'created:', /found something that is no plugin/],
  ['a create that throws', 'const name = header.toLowerCase()', "throw new Error('no library')", /with sample settings: no library/],
  ['a setting that is not described', "describe: 'Name of the header that has to be there'", "describe: ''", /setting header is not described/],
  ['a need that nobody gives', 'settings: {', "needs: ['sunshine'],\n  settings: {", /needs sunshine, which no plugin gives/],
  ['a fact that it does not give', 'settings: {', 'gives: { mood: [] },\n  settings: {', /says that it gives mood, and does not/],
  ['a promise where nobody waits', 'admit: (call) =>', 'admit: async (call) =>', /admit promises an answer/],
  ['a hook that there is not', 'return {', 'return { admitted: () => undefined,', /admitted is no hook/],
  [
    'an observer that throws',
    'return {',
    "return { observe: () => { throw new Error('nothing was charged') },",
    /a call that ended as charged: nothing was charged/,
  ],
]

t.test('a plugin that is broken in one way is told so in a sentence', async (t) => {
  t.equal(await verdictOf(t, 'plugin', 'what it is', 'what it was'), 'good', 'a comment breaks nothing')
  for (const [what, from, to, says] of BROKEN_PLUGINS) t.match(await verdictOf(t, 'plugin', from, to), says, what)
})

t.test('a copy of each file of the house is good where it is whole, and not where its name is another', async (t) => {
  const folder = temporaryFolder(t)
  for (const kind of ['adapter', 'plugin'] as const) {
    mkdirSync(join(folder, kind))
    for (const source of sources(`${kind}s`)) {
      const built = readFileSync(join(ROOT, 'dist', `${kind}s`, source.replace(/\.ts$/, '.js')), 'utf8')
      const file = join(folder, kind, source.replace(/\.ts$/, '.mjs'))
      const test = kind === 'adapter' ? testAdapter : testPlugin
      writeFileSync(file, built)
      t.ok(isGood(await test(file)), `${source}, elsewhere`)
      const other = join(folder, kind, `x-${source.replace(/\.ts$/, '.mjs')}`)
      writeFileSync(other, built)
      t.notOk(isGood(await test(other)), `${source}, under another name`)
    }
  }
})
