/** Random text never makes the loader throw: it complains, with a place, or gives a configuration. */

import fc from 'fast-check'
import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { load } from './loading.ts'

const words =
  'api_connections name nansen custom reserved monthly_quota plugins auth rate-limit routes path /x/* operations id mode live overrides ' +
  '$0.05 3x 10% 60s ${ vault:x null ~ 1e9 -1 " \' &a *a << !!str | > ? __proto__ http://[ '
const word = fc.constantFrom(...words.trim().split(' '), `\${A}`, `\${A:-1}`)
const mark = fc.constantFrom(': ', '\n', '\n  ', '\n    ', '- ', '\n  - ', '{ ', ' }', '[', ']', ', ', ' ', ':', '#', '\t', '---\n', '\r\n')
const scrap = fc.array(
  fc.oneof({ weight: 6, arbitrary: word }, { weight: 6, arbitrary: mark }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) }),
  { maxLength: 60 },
)

/** Files of the right outline with wrong values reach further than scraps do. */
const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    10_000,
    '',
    'nansen',
    'custom',
    '$0',
    '$1',
    '3x',
    `\${A}`,
    `\${B:-x}`,
    'vault:x',
    '/x/*',
    'https://a.example',
    'http://[',
    'confirmed',
  ),
  fc.array(fc.constantFrom<unknown>(null, 'auth', 'rate-limit', { 'rate-limit': { burst: 0 } }, { id: 'a', method: 'GET', path: '/a' }, {}), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('in', 'name', 'search', 'rate-limit', 'webhook', '__proto__'), fc.constantFrom<unknown>(null, 'x', 1, {}, []), { maxKeys: 3 }),
)
const settings = (names: readonly string[]) => fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 8 })
const outline = fc.record({
  ...{
    mode: value,
    listen: value,
    admin: value,
    store: value,
    plugins: value,
    upstream: value,
    limits: value,
    adapter_dirs: fc.constant([]),
    trusted_proxies: value,
  },
  api_connections: fc.array(
    settings([
      'name',
      'adapter',
      'api_key',
      'monthly_quota',
      'reserved',
      'base_cost',
      'markup',
      'prices',
      'base_url',
      'credential',
      'operations',
      'failures',
      'notify',
      'resale_terms',
      'billing_zone',
    ]),
    { maxLength: 3 },
  ),
  routes: fc.array(settings(['path', 'adapter', 'connection', 'plugins', 'overrides']), { maxLength: 3 }),
})

t.test('no text makes the loader throw', async (t) => {
  const texts = fc.oneof(
    scrap.map((parts) => parts.join('')),
    outline.map((config) => JSON.stringify(config)),
  )
  const property = fc.asyncProperty(texts, async (text) => {
    const { config, problems } = await load(text, { env: { A: '1' } })
    return (config === undefined) === problems.length > 0 && problems.every(({ line, column, message }) => line >= 1 && column >= 1 && message !== '')
  })
  await fc.assert(property, { numRuns: 10_000, seed: seedOf(t) })
  t.pass()
})
