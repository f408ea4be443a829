/** The books in the operator's hands: proven, taken out, set right by entries of their own; damage is found and named. */

import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { usd } from '#contract'
import { atlas, startAtlas } from '../rig/atlas.ts'
import { BALANCE, bearer, sandbox, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'

const folder = temporaryFolder(t)
const file = writeConfig(folder, sandbox())
const gateway = await startAtlas(t, file)
const running = { env: gateway.env }
const run = (...args: readonly string[]) => atlas([...args, '--config', file], running)

async function call(key: string): Promise<{ status: number; receipt: string }> {
  const response = await fetch(gateway.publicUrl + BALANCE, {
    method: 'POST',
    headers: { ...bearer(key), 'content-type': 'application/json' },
    body: JSON.stringify(WALLET),
  })
  await response.arrayBuffer()
  return { status: response.status, receipt: response.headers.get('x-atlas-receipt') ?? '' }
}

const balanceOf = async (key: string): Promise<unknown> =>
  ((await (await fetch(`${gateway.publicUrl}/credits`, { headers: bearer(key) })).json()) as { balance: unknown }).balance

const made = (await run('key', 'create', '--credits', '$5', '--json')).json as { id: string; key: string }
const receipts: string[] = []
for (let turn = 0; turn < 3; turn += 1) receipts.push((await call(made.key)).receipt)

const CHECKS = ['entries sum to zero', 'balances equal postings', 'the chain is whole', 'books agree with the store', 'units add up']

t.test('atlas ledger verify proves the books of a running gateway', async (t) => {
  const { status, json } = await run('ledger', 'verify', '--json')
  t.equal(status, 0)
  t.match(json, { ok: true, checks: CHECKS.map((check) => ({ check, ok: true })) })
})

t.test('atlas ledger export gives every entry in each format, and every entry sums to zero', async (t) => {
  const lines = (await run('ledger', 'export', '--format', 'json')).stdout.trim().split('\n')
  const entries = lines.map((line) => JSON.parse(line) as { id: string; receipt: string | null; postings: { account: string; amount: string }[] })
  for (const { id, postings } of entries)
    t.equal(
      postings.reduce((sum, { amount }) => sum + usd(amount), 0n),
      0n,
      id,
    )
  t.strictSame(entries.flatMap(({ receipt }) => receipt ?? []).sort(), [...receipts].sort())
  const csv = (await run('ledger', 'export')).stdout.trim().split('\n')
  t.equal(csv[0], 'id,at,kind,receipt,account,amount')
  t.equal(
    csv.length - 1,
    entries.reduce((sum, { postings }) => sum + postings.length, 0),
  )
  const hledger = (await run('ledger', 'export', '--format', 'hledger')).stdout
  t.match(
    hledger,
    new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\* \\(${receipts[0]}\\) charge {2}; receipt: ${receipts[0]}\\n {4}liab:credit:key:${made.id} {2}0.15 USD\\n`, 'm'),
  )
  t.match(await run('ledger', 'export', '--format', 'xml'), { status: 2, stderr: /--format xml is no format; expected one of csv, json, hledger/ })
})

t.test('a charge that was wrong is reversed by an entry of its own: the money is back, both stand in the statement, the books prove', async (t) => {
  const [receipt = ''] = receipts
  const before = await balanceOf(made.key)
  t.match(await run('ledger', 'correct', receipt, '--reason', 'the provider sent yesterday’s data'), { status: 0, stdout: /is reversed by/ })
  t.equal(before, '4.55')
  t.equal(await balanceOf(made.key), '4.70')
  t.match(await run('ledger', 'correct', receipt, '--reason', 'once more'), { status: 0 }, 'the same again changes nothing')
  t.equal(await balanceOf(made.key), '4.70')
  const { entries } = (await (await fetch(`${gateway.publicUrl}/credits`, { headers: bearer(made.key) })).json()) as { entries: Record<string, unknown>[] }
  t.match(entries[0], { kind: 'correction', amount: '0.15', receipt })
  t.match((await run('ledger', 'verify', '--json')).json, { ok: true })
  t.match(await run('ledger', 'correct', 'nothing', '--reason', 'x'), { status: 1, stderr: /the ledger has no entry nothing/ })
})

t.test('a rotated key spends the same balance, and the one before is dead', async (t) => {
  const rotated = (await run('key', 'rotate', made.id, '--json')).json as { id: string; key: string; credits: string }
  t.equal(rotated.credits, '4.70')
  t.equal((await call(made.key)).status, 401)
  t.equal((await call(rotated.key)).status, 200)
  t.equal(await balanceOf(rotated.key), '4.55')
  t.match(await run('key', 'rotate', made.id), { status: 1, stderr: /there is no key .* that is valid/ })
})

t.test('damage done by hand is found, and named', async (t) => {
  t.equal(await gateway.stop(), 0)
  const verify = () => atlas(['ledger', 'verify', '--config', file])
  t.match(await verify(), { status: 0 }, 'also of a gateway that does not run')
  const damage = (sql: string): void => {
    const db = new Database(join(folder, 'data', 'books.db'))
    db.exec(sql)
    db.close()
  }
  damage("update balance set amount = amount - 1 where account = 'rev:platform'")
  t.match(await verify(), { status: 1, stdout: /FAILED {2}balances equal postings: rev:platform / })
  damage("update balance set amount = amount + 1 where account = 'rev:platform'")
  t.match(await verify(), { status: 0 })
  damage('update tally set units = units + 1')
  t.match(await verify(), { status: 1, stdout: /FAILED {2}books agree with the store: nansen has 1 sold units more in the books/ })
})
