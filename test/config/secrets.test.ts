/** What comes from outside stays a value, and a credential goes one way only. */

import t from 'tap'
import type { EpochMs, VaultLook } from '#contract'
import { DAY_MS, first, load, loaded, NOW_MS, vaultWith } from './loading.ts'

t.test('credentials are handed over beside the configuration and are nowhere in it', async (t) => {
  const text = `api_connections:
  - { name: nansen, api_key: "\${KEY}", monthly_quota: 10000, reserved: 1 }
  - { name: kaito, api_key: vault:kaito, monthly_quota: 10000, reserved: 1, base_cost: $1 }
  - { name: arkham, api_key: "\${NONE:-}", monthly_quota: 10000, reserved: 1, base_cost: $1 }
`
  const { config, secrets, warnings } = await load(text, {
    env: { KEY: 'hunter2' },
    vault: vaultWith({ kaito: { secret: 'hunter3' } }),
  })
  t.type(secrets.get('kaito'), Buffer, 'what comes from the vault never was text')
  t.same(
    [...secrets].map(([name, secret]) => [name, String(secret)]),
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

t.test('the vault is asked once, for what is referred to, and not at all where nothing is', async (t) => {
  const asked: (readonly string[])[] = []
  const places: string[] = []
  const vault: VaultLook = async (place, names) => {
    asked.push(names)
    places.push(place.file, place.keyFile)
    return new Map(names.map((name) => [name, { kind: 'found', secret: Buffer.from('k'), addedAtMs: 0 as EpochMs }]))
  }
  await loaded(`api_connections: [{ name: nansen, api_key: "\${KEY}", monthly_quota: 10000, reserved: 1 }]`, { vault, env: { KEY: 'k' } })
  t.same(asked, [])
  const one = '{ name: nansen, api_key: vault:a, monthly_quota: 10000, reserved: 1 }'
  const two = `{ name: nansen-2, adapter: nansen, api_key: "\${REF}", monthly_quota: 10000, reserved: 1 }`
  const three = '{ name: nansen-3, adapter: nansen, api_key: vault:a, monthly_quota: 10000, reserved: 1 }'
  const text = `store: { path: here }\napi_connections: [${one}, ${two}, ${three}]`
  const { secrets } = await load(text, { file: '/etc/atlas.yml', vault, env: { REF: 'vault:b' } })
  t.same(asked, [['a', 'b']])
  t.same(places, ['/etc/here/vault.json', '/etc/here/master.key'])
  t.not(secrets.get('nansen'), secrets.get('nansen-3'), 'two connections never share the bytes, which whoever takes them clears')
  t.same([...secrets.values()].map(String), ['k', 'k', 'k'])
})

t.test('how old a credential is stands in the configuration where the vault knows it', async (t) => {
  const text = 'api_connections: [{ name: nansen, api_key: vault:a, monthly_quota: 10000, reserved: 1 }]'
  const { config } = await load(text, { vault: vaultWith({ a: { secret: 'k', days: 3 } }) })
  t.match(config?.connections[0], { vaultEntry: 'a', credentialAddedAtMs: NOW_MS - 3 * DAY_MS })
  const days = async (age: number): Promise<number> =>
    (await load(text, { vault: vaultWith({ a: { secret: 'k', days: age } }), nowMs: NOW_MS })).warnings.length
  t.same([await days(91.5), (await days(90.9)) - (await days(91.5))], [await days(1000), -1], 'on the 91st day there is one warning more')
})
