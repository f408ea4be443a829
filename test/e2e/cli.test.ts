/** The `atlas` command by itself: help, misuse, `check` and `estimate`; what it says, where, and with which exit status. */

import { join } from 'node:path'
import t from 'tap'
import { atlas, type Ran } from '../rig/atlas.ts'
import { sandbox, temporaryFolder, writeConfig } from '../rig/gateway.ts'

const NOWHERE = { PORT: '0', ADMIN_PORT: '1' }
const run = (...args: readonly string[]): Promise<Ran> => atlas(args, { env: NOWHERE })

t.test('every command has help; misuse is told apart from failure', async (t) => {
  const commands = [
    '',
    'start',
    'check',
    'key',
    'key create',
    'key list',
    'key revoke',
    'marketplace api enable',
    'marketplace api disable',
    'marketplace api status',
    'report',
    'audit tail',
    'audit verify',
    'estimate',
    'adapter new',
    'adapter test',
    'plugin new',
    'plugin test',
  ]
  const helped = commands.map(async (command) => {
    const { status, stdout, stderr } = await run(...command.split(' ').filter(Boolean), '--help')
    t.same([status, stderr], [0, ''], `${command} --help`)
    t.match(stdout, new RegExp(`^Usage: atlas${command === '' ? '' : ` ${command}`} .*-h, --help`, 's'))
    if (command.includes(' ') || command === 'check') t.match(stdout, /--config <file>.*--json/s, `${command} takes --config and --json`)
  })
  const file = writeConfig(temporaryFolder(t), sandbox())
  const wrong = [
    ...['', 'bogus', 'start --bogus', 'key', 'key revoke', 'estimate', 'report --month 2026-13', 'report --config'],
    ...[
      'key create --credits -$5',
      'key create --cap $5',
      'key create --cap $5/week',
      'key create --cap $5/day --cap $6/day',
      'key create --expires soon',
      'key create --owner operator --credits $5',
    ],
  ].map(async (line) => {
    const { status, stdout, stderr } = await run(...line.split(' ').filter(Boolean), ...(/^(key create|report --m)/.test(line) ? ['--config', file] : []))
    t.equal(status, 2, line)
    t.equal(stdout, '', line)
    t.ok(stderr.startsWith('Usage: ') || stderr.trimEnd().split('\n').length === 1, `${line}: ${stderr}`)
  })
  await Promise.all([...helped, ...wrong])
})

const BAD = `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
api_connections:
  - name: nansen
    api_key: \${NOT_SET}
    monthly_quota: 10000
    reserved: 12000
    markupp: 3x
    markup: cheap
plugins:
  - auth
  - quota-reserve
`

t.test('check names every problem with its place, one line each, and passes what is good', async (t) => {
  const folder = temporaryFolder(t)
  const file = writeConfig(folder, BAD)
  const [text, json, good, none] = await Promise.all([
    run('check', '--config', file),
    run('check', '--config', file, '--json'),
    run('check', '--config', writeConfig(temporaryFolder(t), sandbox())),
    run('check', '--config', join(folder, 'nothing.yml')),
  ])
  t.same([text.status, text.stdout], [1, ''])
  t.same(text.stderr.trimEnd().split('\n'), [
    `${file}:5:14: \${NOT_SET} is not set in the environment; set NOT_SET, or write \${NOT_SET:-default}`,
    `${file}:7:15: reserved 12000 is more than monthly_quota 10000; expected 0 to 10000`,
    `${file}:8:5: unknown setting markupp of api_connections; nearest: markup`,
    `${file}:9:13: markup is "cheap"; expected a factor such as 3x`,
    `${file}:12:5: plugin quota-reserve needs price, which no plugin of this chain gives; add markup-billing`,
  ])
  t.equal(json.status, 1)
  t.match(json.json, {
    problems: [{ file, line: 5, column: 14, message: /NOT_SET/ }, { line: 7, column: 15 }, { line: 8 }, { line: 9 }, { line: 12 }],
    warnings: [],
  })
  t.equal(good.status, 0)
  t.match(good.stdout, /is good, with \d warnings?\n$/)
  t.equal(none.status, 1)
  t.match(none.stderr, /nothing\.yml:1:1: cannot be read: there is no such file/)
})

t.test('estimate prints the contract’s figures', async (t) => {
  const line = ['estimate', '--quota', '10000', '--used', '3000', '--sold', '5000', '--base', '$0.05', '--markup', '3x', '--subscription', '$500']
  const [text, json, over] = await Promise.all([run(...line), run(...line, '--json'), run(...line.map((word) => (word === '5000' ? '7001' : word)))])
  t.equal(text.status, 0)
  for (const row of [/revenue\s+\$750\.00$/m, /owner's share \(90%\)\s+\$675\.00$/m, /platform \(10%\)\s+\$75\.00$/m, /net profit\s+\+\$175\.00$/m])
    t.match(text.stdout, row)
  const figures = { price: '0.15', revenue: '750.00', owner_share: '675.00', platform_share: '75.00', subscription_cost: '500.00', net_profit: '175.00' }
  t.same(json.json, { available: 7000, ...figures })
  t.equal(over.status, 1)
  t.match(over.stderr, /^--sold 7001 is more than the 7000 units that are left; expected 0 to 7000\n$/)
})
