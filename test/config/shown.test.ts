/** The text of a configuration as the console shows it: what a credential is, is masked; what a person needs to read, stays. */

import t from 'tap'
import { MASK } from '../../config/shown.ts'
import { load } from './loading.ts'

const reference = (inside: string): string => ['$', '{', inside, '}'].join('')
const shownOf = async (more: string, env: Readonly<Record<string, string>> = {}): Promise<string> => {
  const text = `${more}\napi_connections: [{ name: nansen, monthly_quota: 10000, reserved: 1 }]\n`
  const { config, problems } = await load(text, { env })
  if (config === undefined) throw new Error(JSON.stringify(problems))
  return config.shown.replace(/\napi_connections.*\n$/, '')
}

t.test('what is a credential by its name, by its URL or by its look is masked', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['admin: { token: hunter2 }', `admin: { token: ${MASK} }`],
    [`admin: { token: "${reference('T:-hunter2')}" }`, `admin: { token: "${reference(`T:-${MASK}`)}" }`],
    [`admin: { token: "${reference('T:-')}" }`, `admin: { token: "${reference('T:-')}" }`],
    [`admin: { token: "pre${reference('T:-x')}" }`, `admin: { token: "${MASK}" }`],
    ['store: { driver: redis, url: "redis://me:hunter2@127.0.0.1:6379/1" }', `store: { driver: redis, url: "redis://${MASK}@127.0.0.1:6379/${MASK}" }`],
    ['# api_key: hunter2', `# api_key: ${MASK}`],
    ["# token: 'hunter2', at https://a.example/?key=hunter2", `# token: ${MASK}, at https://a.example/?${MASK}`],
    [`# ${'ab'.repeat(32)} and atlas_${'x'.repeat(43)}`, `# ${MASK} and ${MASK}`],
    [`mode: sandbox # ${'x'.repeat(5000)}`, `mode: sandbox # ${MASK}`],
  ]
  for (const [written, shown] of cases) t.equal(await shownOf(written), shown)
})

t.test('names, files, hosts, figures and comments stay', async (t) => {
  for (const written of ['# what is kept: 3000', 'vault: { key_file: ./master.key }', 'mode: sandbox', '# https://docs.example/path/to#part'])
    t.equal((await shownOf(written)).replace(`?${MASK}`, ''), written.replace('#part', ''))
  t.match(await shownOf('mode: sandbox # sell', { X: 'y' }), 'mode: sandbox # sell')
})

t.test('a value of the environment is not in it at all', async (t) => {
  t.equal(await shownOf(`admin: { token: "${reference('T')}" }`, { T: 'hunter2' }), `admin: { token: "${reference('T')}" }`)
})
