/** `atlas audit` as an operator uses it: who did what, to each owner what is his, and a log that shows when somebody has changed it. */
import { join } from 'node:path'
import t from 'tap'
import { atlas, type Ran, startAtlas } from '../rig/atlas.ts'
import { BALANCE, bearer, sandbox, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'
import { tamper } from '../rig/tamper.ts'

const TOKEN = 'a-token-that-nobody-may-read-anywhere'
const folder = temporaryFolder(t)
const terms = { monthly_quota: 10_000, reserved: 3000, resale_terms: 'agreement:sandbox' }
const file = writeConfig(
  folder,
  sandbox({
    admin: { listen: '127.0.0.1:0', token: TOKEN },
    api_connections: [
      { name: 'nansen', owner: 'alice', ...terms },
      { name: 'kaito', owner: 'bob', ...terms },
    ],
  }),
)
const gateway = await startAtlas(t, file)
const run = (...args: readonly string[]): Promise<Ran> => atlas([...args, '--config', file], { env: gateway.env })

interface Line {
  readonly at: string
  readonly action: string
  readonly actor: string
  readonly owner: string | null
  readonly subject: string
  readonly detail: string
  readonly group: number
  readonly line: number
}
const told = (lines: readonly Line[]): string[] => lines.map(({ action, actor, owner, subject }) => `${action} ${actor} ${owner ?? '-'} ${subject}`)

async function admin<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(gateway.adminUrl + path, { method, headers: { ...bearer(TOKEN), 'content-type': 'application/json' }, ...sent })
  return (await response.json()) as T
}
type Made = { readonly id: string; readonly key: string }

const made = await admin<Made>('POST', '/api/keys', { credits: '$5' })
const owned = await admin<Made>('POST', '/api/keys', { owner: 'alice' })
await run('marketplace', 'api', 'disable', 'nansen')
await run('marketplace', 'api', 'enable', 'nansen')
await admin('POST', '/api/disable', { names: ['kaito'] })
const paid = { ...bearer(made.key), 'content-type': 'application/json' }
const call = await fetch(gateway.publicUrl + BALANCE, { method: 'POST', headers: paid, body: JSON.stringify(WALLET) })
const receipt = call.headers.get('x-atlas-receipt') ?? ''
await admin('POST', '/api/ledger/correct', { entry: receipt, reason: 'the provider was wrong' })
const rotated = await admin<Made>('POST', '/api/keys/rotate', { id: made.id })
await admin('POST', '/api/keys/revoke', { id: rotated.id })

t.test('every act of the operator stands in the log, in order, with how he came and without a secret', async (t) => {
  t.equal(call.status, 200)
  const lines = (await run('audit', 'tail', '--json')).json.entries as Line[]
  t.strictSame(
    told(lines).filter((line) => !/^(gateway|config|credential)\./.test(line) && !line.startsWith('key.create gateway')),
    [
      `key.create admin - ${made.id}`,
      `key.create admin alice ${owned.id}`,
      'connection.disable admin alice nansen',
      'connection.enable admin alice nansen',
      'connection.disable admin bob kaito',
      `ledger.correct admin - ${receipt}`,
      `key.rotate admin - ${made.id}`,
      `key.revoke admin - ${rotated.id}`,
    ],
  )
  for (const { actor, detail } of lines) if (actor === 'admin') t.match(detail, /with the admin token$/)
  const text = JSON.stringify(lines)
  for (const secret of [TOKEN, made.key, owned.key, rotated.key]) t.notMatch(text, secret)
  const table = await run('audit', 'tail', '--limit', '3')
  t.equal(table.status, 0)
  t.match(table.stdout, /^when \(UTC\)\s+what\s+by\s+owner\s+of\s+detail\s+place\n/)
  t.equal(table.stdout.trim().split('\n').length, 4)
  t.match(table.stdout, new RegExp(`key\\.revoke\\s+admin\\s+-\\s+${rotated.id}\\s+with the admin token\\s+\\d+\\.1\\n`))
})

t.test('an owner sees what is his, and nothing of others', async (t) => {
  const bobs = await run('audit', 'tail', '--owner', 'bob', '--json')
  t.strictSame(told(bobs.json.entries as Line[]), ['connection.disable admin bob kaito'])
  const { entries: alices } = await admin<{ entries: Line[] }>('GET', '/api/audit?owner=alice')
  t.ok(alices.length >= 3 && alices.every(({ owner }) => owner === 'alice'))
  t.match(await run('audit', 'tail', '--owner', 'nobody'), { status: 0, stdout: 'the audit log has no such line\n' })
})

t.test('what cannot be asked is said in a sentence', async (t) => {
  for (const limit of ['0', '1.5']) t.match(await run('audit', 'tail', `--limit=${limit}`), { status: 2, stderr: /--limit .* expected a whole number above 0/ })
  t.match(await run('audit', 'tail', '--limit', '1000000'), { status: 1, stderr: /limit 1000000 is too much at once; expected 1 to 100000/ })
})

t.test('the log proves while the gateway runs; what was changed in its files is named, with exit status 1', async (t) => {
  const good = await run('audit', 'verify')
  t.match(good, { status: 0, stdout: /^the audit log is whole: \d+ lines in \d+ groups, the last is \d+ [0-9a-f]{64}\n$/ })
  const undo = tamper(join(folder, 'data', 'journal'), 'group', (groups) => {
    for (const group of groups) group.lines = group.lines.map((line) => line.replace('"subject":"kaito"', '"subject":"nanse"'))
  })
  const bad = await run('audit', 'verify')
  undo()
  t.equal(bad.status, 1)
  t.match(bad.stdout, /^FAILED .*line 1 of group \d+ was altered: the chain has connection\.disable nanse at \S+, the books have connection\.disable kaito/)
  t.match(bad.stderr, /the audit log is not what was written; nothing was changed\n$/)
  t.match(await admin('GET', '/api/audit/verify'), { ok: true })
})

t.test('after the stop the store itself is asked, and knows the uses of that minute', async (t) => {
  t.equal(await gateway.stop(), 0)
  t.match(await run('marketplace', 'api', 'enable', 'kaito'), { status: 0 })
  const lines = (await run('audit', 'tail', '--limit', '1000', '--json')).json.entries as Line[]
  const uses = lines.filter(({ action }) => action === 'credential.use')
  const counts: Record<string, number> = {}
  for (const { owner, subject, detail } of uses) {
    t.match(detail, /^\d+ calls? in the minute of /)
    counts[`${owner} ${subject}`] = (counts[`${owner} ${subject}`] ?? 0) + Number.parseInt(detail, 10)
  }
  t.strictSame(counts, { 'alice nansen': 2 }, 'the call, and the probe before it was put on sale; kaito needs no credential')
  t.match(lines.at(0), { action: 'gateway.start', detail: /^sandbox mode, version \d/ })
  t.ok(lines.some(({ action }) => action === 'gateway.stop'))
  t.match(lines.filter(({ action }) => action !== 'credential.use').at(-1), {
    action: 'connection.enable',
    actor: 'admin',
    owner: 'bob',
    detail: /; from the command line$/,
  })
})

t.test('a line that was removed while nothing ran is found by whoever asks', async (t) => {
  const undo = tamper(join(folder, 'data', 'journal'), 'group', (groups) => {
    for (const group of groups) group.lines = group.lines.filter((line) => !line.includes('"subject":"kaito"'))
  })
  const bad = await run('audit', 'verify')
  t.equal(bad.status, 1)
  t.match(bad.stderr, /group \d+ at byte \d+ does not match its hash.*the file was altered/)
  undo()
  t.equal((await run('audit', 'verify')).status, 0)
})
