/** Golden files: the YAML, a line of dashes, the exact complaints. The folder is the manual of what can go wrong; a new rule is a new file. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { formatComplaint } from '../../config/complaints.ts'
import { loadConfig } from '../../config/load.ts'
import { NOW_MS, vaultWith } from './loading.ts'
import { adapters, plugins } from './standins.ts'

const folder = new URL('../../../test/config/complaints/', import.meta.url)
const RULER = /^-{10,}$/m
const cases = readdirSync(folder).filter((file) => file.endsWith('.yml'))

t.ok(cases.length >= 40, `${cases.length} kinds of complaints have a file`)

for (const file of cases) {
  t.test(file.replace('.yml', '').replaceAll('-', ' '), async (t) => {
    const whole = readFileSync(new URL(file, folder), 'utf8')
    const [text = '', expected = ''] = whole.split(RULER)
    // `# env: NAME=value` lines set the environment; \n in a value is a line break.
    const env = Object.fromEntries(Array.from(text.matchAll(/^# env: (\w+)=(.*)$/gm), ([, name = '', value = '']) => [name, value.replaceAll('\\n', '\n')]))
    // `# vault: NAME days secret` lines put a credential into the vault.
    const kept = Array.from(text.matchAll(/^# vault: (\S+) (\d+) (\S+)$/gm), ([, name = '', days, secret = '']) => [name, { secret, days: Number(days) }])
    const { config, secrets, problems, warnings } = await loadConfig({
      file: 'gateway.config.yml',
      text,
      env,
      adapters,
      plugins,
      vault: vaultWith(Object.fromEntries(kept)),
      nowMs: NOW_MS,
    })
    const found = [...problems.map(formatComplaint), ...warnings.map((warning) => `warning: ${formatComplaint(warning)}`)]
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(new URL(file, folder), `${text}----------\n${found.map((line) => `${line}\n`).join('')}`)
    else t.equal(found.join('\n'), expected.trim())
    t.equal(config === undefined, problems.length > 0, 'there is a configuration exactly when there is no problem')
    if (problems.length > 0) t.equal(secrets.size, 0, 'a refused file gives no secrets')
  })
}
