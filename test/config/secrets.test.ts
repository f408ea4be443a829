/** What comes from outside stays a value, and a credential goes one way only. */

import t from 'tap'
import { first, load, loaded } from './loading.ts'

t.test('credentials are handed over beside the configuration and are nowhere in it', async (t) => {
  const text = `api_connections:
  - { name: nansen, api_key: "\${KEY}", monthly_quota: 10000, reserved: 1 }
  - { name: kaito, api_key: vault:kaito, monthly_quota: 10000, reserved: 1, base_cost: $1 }
  - { name: arkham, api_key: "\${NONE:-}", monthly_quota: 10000, reserved: 1, base_cost: $1 }
`
  const { config, secrets, warnings } = await load(text, {
    env: { KEY: 'hunter2' },
    vault: new Map([['kaito', 'hunter3']]),
  })
  t.same(
    [...secrets],
    [
      ['nansen', 'hunter2'],
      ['kaito', 'hunter3'],
    ],
  )
  const print = (value: unknown) =>
    JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}` : member instanceof Map ? [...member] : member))
  t.ok(print(config).includes('nansen'))
  t.notMatch(print([config, warnings]), /hunter/)
})

t.test('a reference is resolved inside its value and can never become structure', async (t) => {
  const config = await loaded(`api_connections: [{ name: nansen, monthly_quota: 10000, reserved: 1, resale_terms: "agreement:\${REF}" }]`, {
    env: { REF: `x }, { name: kaito ] \${OTHER}`, OTHER: 'no' },
  })
  t.equal(config.connections.length, 1)
  t.match(first(config).terms, { agreement: `x }, { name: kaito ] \${OTHER}` }, 'and what it gives is not read again')
})
