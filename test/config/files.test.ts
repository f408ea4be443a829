/** The configuration and its folders on the disk. */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { formatComplaint } from '../../config/complaints.ts'
import { loadConfig } from '../../config/load.ts'
import { FOUR, first, load, loaded } from './loading.ts'
import { adapters, plugins } from './standins.ts'

t.test('a file on the disk is read, and one that is not there is a complaint', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-config-'))
  const file = join(folder, 'my.yml')
  writeFileSync(file, FOUR)
  const { config } = await loadConfig({ file, env: {}, adapters, plugins })
  t.match(config, { file, folder, store: { path: join(folder, 'data') } })
  const missing = await loadConfig({
    file: 'no/such.yml',
    env: {},
    adapters,
    plugins,
  })
  t.same(missing.problems.map(formatComplaint), ['no/such.yml:1:1: cannot be read: there is no such file; expected a configuration such as gateway.config.yml'])
  writeFileSync(file, Buffer.from([0x6d, 0xff]))
  const binary = await loadConfig({ file, env: {}, adapters, plugins })
  t.match(binary.problems[0]?.message, /it is not UTF-8/)
})

t.test('folders of the configuration add adapters and plugins, and a name that is taken is a complaint', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-config-'))
  const credential = { in: 'none' }
  const rest = {
    title: 'T',
    category: 'C',
    docs: '',
    baseUrl: 'https://t.example',
    credential,
    quota: { unit: 'call', resets: 'day' },
    terms: { source: 't.example', checked: '2026-11-23' },
  }
  const adapter = (name: string) => `export default ${JSON.stringify({ name, ...rest, operations: [], failures: [] })}`
  writeFileSync(join(folder, 'mine.mjs'), adapter('mine'))
  const text = `adapter_dirs: [.]\napi_connections: [{ name: mine, monthly_quota: 10, reserved: 1, base_cost: $1 }]\n`
  const config = await loaded(text, {
    file: join(folder, 'gateway.config.yml'),
  })
  t.match(first(config), { adapter: 'mine', period: { every: 'day' } })
  writeFileSync(join(folder, 'nansen.mjs'), adapter('nansen'))
  const { problems } = await load(text, {
    file: join(folder, 'gateway.config.yml'),
  })
  t.match(problems[0]?.message, '. holds the adapter nansen, which is there already; expected a name of its own')
})
