/** The reference of the adapters is made from their files, and is as new as they are. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Adapter } from '#contract'
import { REFERENCE, reference } from '../../gateway/kit/generate.ts'
import { pageOf } from '../../gateway/kit/reference.ts'
import { adapterOf, operationOf } from '../rig/acme.ts'

t.test('docs/adapters holds a page for each adapter, none else, each as its file says it now', async (t) => {
  const pages = await reference()
  t.same(readdirSync(REFERENCE).sort(), [...pages.keys()].sort(), 'npm run generate')
  for (const [file, page] of pages) t.equal(readFileSync(join(REFERENCE, file), 'utf8'), page, `${file}: npm run generate`)
  t.match(pages.get('nansen.md'), /price of a unit at 3x: \$0\.15 \(\$500\.00 a month for 10,000 credits\)/)
})

t.test('a page says operations, units, price at 3x, sample, terms, attribution and caching; text breaks no table', (t) => {
  const may = { seconds: 30, source: 'acme.example/terms', checked: '2026-11-26' }
  const adapter: Adapter = adapterOf(
    [
      operationOf('rows', { units: { most: () => 10, actual: () => 3 }, maxUnits: 20, resale: 'attribution', caching: may, description: 'a | b\n<script>' }),
      operationOf('one', {
        path: '/one/:id',
        units: 2,
        unitsAssumed: true,
        query: { q: { type: 'string' } },
        required: ['q'],
        example: { params: { id: '1' }, query: { q: 'x' } },
      }),
    ],
    {
      subscriptionCostUsd: '100',
      quota: { unit: 'credit', resets: 'day', typical: [1000, 2000] },
      terms: { attribution: 'Data: Acme', source: 'x', checked: '2026-11-26', caching: 'forbidden' },
      failures: [{ status: 429, bodyHas: 'monthly', means: 'quota-exhausted', bills: false }],
    },
  )
  const page = pageOf(adapter)
  for (const said of [
    '| [rows](#rows) | `GET /rows` | up to 10 for the example, by its answer, at most 20 | $3.00 | attribution |',
    '| [one](#one) | `GET /one/:id` | 2 (assumed) | $0.60 | allowed |',
    '| `id` | path |  | yes |',
    '| `q` | query | string | yes |',
    'credit line: "Data: Acme"',
    'its answer may be given again for 30 s',
    'answers given again: never; the terms forbid it',
    'a \\| b &lt;script>',
    '| 429 | "monthly" | quota-exhausted | return |  |',
  ])
    t.ok(page.includes(said), said)
  t.end()
})
