/** A file that is no good adapter stops the load with its name and the reason, all of them at once; the others are not touched. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Adapter } from '#contract'
import { discover, Misfits } from '../../config/discover.ts'
import { formatComplaint } from '../../config/complaints.ts'
import { atlas } from '../rig/atlas.ts'
import { load } from './loading.ts'

const SOUND = `export default {
  name: 'NAME', title: 'Acme', category: 'Tests', docs: 'https://acme.example', baseUrl: 'https://api.acme.example/v1',
  credential: { in: 'header', name: 'X-Key' },
  quota: { unit: 'credit', resets: 'billing-day' },
  terms: { attribution: 'Data: Acme', source: 'https://acme.example/terms', checked: '2026-11-23' },
  operations: [
    { id: 'address', method: 'GET', path: '/address/:address', units: 1, resale: 'attribution', sample: { address: '0x', labels: [] } },
    {
      id: 'rows', method: 'GET', path: '/rows', units: ({ query }) => 2 * Number(query.limit ?? 10), maxUnits: 200,
      query: { limit: { type: 'integer', minimum: 1, maximum: 100 }, by: { type: 'string', pattern: '^[a-z]+$' } },
      resale: 'allowed', answer: { type: 'array', items: { type: 'object', required: ['id'] } }, sample: [{ id: 1 }],
    },
  ],
  failures: [{ status: 429, means: 'rate-limited', bills: false }],
}
`

/** What is changed in the text, and what is said of it. */
const FAULTS: Readonly<Record<string, readonly [from: string, to: string, says: RegExp]>> = {
  'a member that is missing': ["title: 'Acme', ", '', /^title is missing; expected text$/],
  'terms that are missing': ["source: 'https://acme.example/terms', ", '', /^terms\.source is missing; expected text$/],
  'a date that is none': ["checked: '2026-11-23'", "checked: 'yesterday'", /^terms\.checked is "yesterday"; expected a date such as 2026-11-23$/],
  'a base that nobody wrote': ["baseUrl: 'https://api.acme.example/v1',", '', /^baseUrl is missing; expected an https URL .*, or undefined where/],
  'no list of operations': ['  operations: [', '  operations: undefined && [', /^operations is missing; expected a list$/],
  'no list of failures': ["failures: [{ status: 429, means: 'rate-limited', bills: false }],", '', /^failures is missing; expected a list$/],
  'a day that no month has': ["checked: '2026-11-23'", "checked: '2026-02-31'", /^terms\.checked is "2026-02-31"; expected a date/],
  'a member that throws when it is read': [
    "title: 'Acme'",
    "get title() { throw new Error('gotcha') }",
    /^could not be looked at: gotcha; expected export default defineAdapter\(\{ name: 'acme'/,
  ],
  'a credential where the gateway writes itself': [
    "name: 'X-Key'",
    "name: 'Content-Length'",
    /^credential\.name is "Content-Length"; expected the name of a query member, or of a header that the gateway does not write itself$/,
  ],
  'a misspelt member': ['maxUnits: 200', 'maxUnit: 200', /^operation rows: maxUnit is not known; expected one of id, /],
  'no units': ['units: 1, ', '', /^operation address: units is missing; expected a whole number/],
  'negative units': ['units: 1, ', 'units: -1, ', /^operation address: units is -1; expected a whole number that is not negative/],
  'units of NaN': ['units: 1, ', 'units: Number.NaN, ', /^operation address: units is NaN; expected a whole number/],
  'no sample': [", sample: { address: '0x', labels: [] }", '', /^operation address: sample is missing/],
  'no resale permission': ["resale: 'attribution', ", '', /^operation address: resale is missing; expected one of allowed, attribution, ask, forbidden$/],
  'plain http': ["'https://api.acme.example/v1'", "'http://api.acme.example/v1'", /^baseUrl is .*; expected an https URL/],
  'units that throw': ['2 * Number(query.limit ?? 10)', 'query.nothing.length', /^operation rows: units throws on a request without members: Cannot read/],
  'units that are no number': ['2 * Number(query.limit ?? 10)', 'Number(query.by)', /^operation rows: units tells NaN for a request without members; expected/],
  'units below nothing': ['2 * Number(query.limit ?? 10)', "query.limit === '100' ? -5 : 1", /^operation rows: units tells -5 for \{"limit":"100"\}; expected/],
  'units that are free for some': [
    '2 * Number(query.limit ?? 10)',
    "query.limit === '1' ? 0 : 1",
    /^operation rows: units tells 0 for \{"limit":"1"\}; expected a whole number above 0/,
  ],
  'units above the stated maximum': [
    'maxUnits: 200',
    'maxUnits: 199',
    /^operation rows: units tells 200 for \{"limit":"100"\}, more than its maximum; expected at most 199, or maxUnits: 200$/,
  ],
  'units above the usual maximum': ['2 * Number(query.limit ?? 10), maxUnits: 200', '1001', /^operation rows: units tells 1001 for .*expected at most 1000/],
  'actual units that throw': [
    '({ query }) => 2 * Number(query.limit ?? 10)',
    '{ most: () => 9, actual: (_r, answer) => answer.rows.length }',
    /^operation rows: units\.actual throws on the sample: /,
  ],
  'actual units above the most': [
    '({ query }) => 2 * Number(query.limit ?? 10)',
    '{ most: () => 9, actual: (_r, answer) => answer.length }',
    /units\.actual tells 3000 for the sample with many more rows, more than the 9/,
  ],
  'a pattern that runs away': ["'^[a-z]+$'", "'^([a-z]+)*$'", /^operation rows: query member by has a pattern that can run away: .*: \^\(\[a-z\]\+\)\*\$$/],
  'a pattern that is none': ["'^[a-z]+$'", "'['", /^operation rows: query member by has a pattern that is no regular expression/],
  'a runaway pattern deep in a schema': [
    "required: ['id'] }",
    "properties: { id: { anyOf: [{ pattern: '(a|a)*$' }] } } }",
    /^operation rows: answer has a pattern that can run away/,
  ],
  'a schema that is none': ["type: 'string', pattern", "type: 'strnig', pattern", /^operation rows: query member by is no valid JSON Schema: /],
  'a keyword that nobody knows': ['minimum: 1, ', 'minimun: 1, ', /^operation rows: query member limit is no valid JSON Schema: .*minimun/],
  'a sample that contradicts its schema': [
    'sample: [{ id: 1 }]',
    'sample: [{ di: 1 }]',
    /^operation rows: the sample contradicts the schema of the answer: it\/0 must have required property 'id'$/,
  ],
  'an example that contradicts its schema': [
    "resale: 'allowed'",
    "example: { query: { limit: '101' } }, resale: 'allowed'",
    /^operation rows: the example's query member limit contradicts its schema: it must be <= 100$/,
  ],
  'an example without what is required': [
    "resale: 'allowed'",
    "required: ['by'], example: { query: { limit: '1' } }, resale: 'allowed'",
    /^operation rows: the example lacks by, which is required$/,
  ],
  'a required member that is not listed': [
    "resale: 'allowed'",
    "required: ['nobody'], resale: 'allowed'",
    /^operation rows: nobody is required and not listed$/,
  ],
  'pages by a member that is not listed': [
    "resale: 'allowed'",
    "pages: { page: 'page', size: 'limit' }, resale: 'allowed'",
    /^operation rows: pages names page, which is not listed$/,
  ],
  'a path that leaves the base': ["'/rows'", "'/../rows'", /^operation rows: path \/\.\.\/rows has the segment "\.\."/],
  'two operations with one path': [
    "path: '/rows'",
    "path: '/address/:other'",
    /^operations address and rows have the same method and path, GET \/address\/:; expected one of them$/,
  ],
  'no credit line': ["attribution: 'Data: Acme', ", '', /^operation address asks for a credit line; expected attribution, or terms\.attribution$/],
  'a failure of every success': ['status: 429, ', "status: '2xx', ", /^a failure rule for 2xx makes every success a failure/],
  'a meaning that nobody knows': ["means: 'rate-limited'", "means: 'slow'", /^failures\[0\]\.means is "slow"; expected one of bad-request/],
  'a rule that is never reached': ['failures: [', "failures: [{ status: 429, means: 'unknown' }, ", /^failures\[1\] is never reached/],
}

function folderOf(t: Test, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-adapters-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.mjs`), text.replace('NAME', name))
  return folder
}

const problemsOf = async (folder: string): Promise<Misfits> => {
  const error = await discover<Adapter>(folder, 'adapter').catch((error: unknown) => error)
  if (!(error instanceof Misfits)) throw new Error(`it was taken: ${String(error)}`)
  return error
}

t.test('what CONTRIBUTING.md and this test show loads', async (t) => {
  t.same([...(await discover<Adapter>(folderOf(t, { sound: SOUND }), 'adapter')).keys()], ['sound'])
  const [, shown = ''] = /`adapters\/acme\.ts`:\n\n```ts\n([\s\S]*?)```/.exec(readFileSync(new URL('../../../CONTRIBUTING.md', import.meta.url), 'utf8')) ?? []
  const erased = shown.replace(/import .*\n/, 'const defineAdapter = (adapter) => adapter\n')
  t.same([...(await discover<Adapter>(folderOf(t, { acme: erased }), 'adapter')).keys()], ['acme'])
})

t.test('each fault is named in one sentence, and nothing else is', async (t) => {
  for (const [what, [from, to, says]] of Object.entries(FAULTS)) {
    if (!SOUND.includes(from)) throw new Error(`${what}: the text has no ${from}`)
    const { problems, found } = await problemsOf(folderOf(t, { acme: SOUND.replace(from, () => to), sound: SOUND }))
    t.same(
      problems.map(({ file }) => file),
      ['acme.mjs'],
      what,
    )
    t.match(problems[0]?.message, says, what)
    t.ok(found.has('sound'), 'the good one is there')
  }
})

t.test('all faults of all files are told at once, by the file that names the folder and by the command', async (t) => {
  const all = Object.entries(FAULTS).filter(([what]) => ['units that throw', 'a pattern that runs away', 'negative units'].includes(what))
  const broken = Object.fromEntries(all.map(([, [from, to]], at) => [`broken${at}`, SOUND.replace(from, () => to)]))
  const folder = folderOf(t, { sound: SOUND, ...broken })
  const file = join(folder, 'gateway.config.yml')
  const text =
    'adapter_dirs: [.]\napi_connections:\n  - { name: sound, monthly_quota: 10, reserved: 1, base_cost: $1 }\n  - { name: nansen, monthly_quota: -1, reserved: 1 }\n'
  writeFileSync(file, text)
  const { config, problems } = await load(text, { file })
  t.equal(config, undefined, 'nothing is half loaded')
  const said = problems.map(formatComplaint)
  t.equal(said.length, 4, said.join('\n'))
  for (const at of [0, 1, 2]) t.match(said[at], new RegExp(`gateway\\.config\\.yml:1:16: \\./broken${at}\\.mjs: operation `))
  t.match(
    said.find((line) => line.includes('monthly_quota')),
    /:4:/,
    'the rest of the file is looked at, and the good adapter is known',
  )
  const { status, stderr } = await atlas(['check', '--config', file])
  t.equal(status, 1)
  for (const line of said) t.match(stderr, line.slice(line.indexOf(':1:16')))
})

t.test('a billing day other than the first is warned about where the quota of everybody begins anew on the first', async (t) => {
  const folder = folderOf(t, { acme: SOUND.replace('billing-day', 'first-of-month') })
  const warned = async (day: number): Promise<string> => {
    const text = `adapter_dirs: [.]\napi_connections: [{ name: acme, monthly_quota: 10, reserved: 1, base_cost: $1, billing_day: ${day} }]\n`
    const { config, warnings } = await load(text, { file: join(folder, 'gateway.config.yml') })
    t.equal(config?.connections[0]?.period.every, 'month')
    return warnings.map(({ message }) => message).join()
  }
  t.match(await warned(15), /billing_day 15 of acme is not when its quota starts again: Acme gives it anew on the 1st of each month/)
  t.notMatch(await warned(1), /billing_day/)
})

t.test('a pattern in YAML that runs away is a complaint at its place', async (t) => {
  const folder = folderOf(t, {})
  const operation = "{ id: find, method: GET, path: /find, query: { q: { type: string, pattern: '^(a+)+$' }, r: { type: string, pattern: '^a+$' } } }"
  const connection = `{ name: acme, adapter: custom, base_url: 'https://a.example', credential: { in: none }, operations: [${operation}], monthly_quota: 10, reserved: 1, base_cost: $1 }`
  const { problems } = await load(`api_connections: [${connection}]\n`, { file: join(folder, 'gateway.config.yml') })
  t.same(
    problems.map(({ message }) => message),
    ['q has a pattern that can run away: two of its repetitions can take the same text; expected repetitions that share no characters'],
  )
})
