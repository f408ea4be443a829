/** A disk that stands still is a disk that is gone: 503 in time, nothing free, nothing charged twice; service resumes by itself. */

import t from 'tap'
import { startAtlas } from '../rig/atlas.ts'
import { BALANCE, bearer, OPEN_RATE, sandbox, temporaryFolder, until, WALLET, writeConfig } from '../rig/gateway.ts'

const STUCK = new URL('../torture/stuck.js', import.meta.url).href
const plugins = ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', 'quota-reserve']

t.test('503 within 250 ms while the disk stands still, and then the balance says what was answered', async (t) => {
  const gateway = await startAtlas(t, writeConfig(temporaryFolder(t), sandbox({ plugins })), { env: { NODE_OPTIONS: `--import=${STUCK}` } })
  const made = await fetch(`${gateway.adminUrl}/api/keys`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"credits":"$10"}' })
  const { key } = (await made.json()) as { key: string }
  /** The longest that an answer without a disk takes until `over`: what this machine does to anybody. */
  const slowness = async (over: () => boolean): Promise<number> => {
    let longest = 0
    while (!over()) {
      const from = performance.now()
      await (await fetch(`${gateway.publicUrl}/healthz`)).text()
      longest = Math.max(longest, performance.now() - from)
    }
    return longest
  }
  const call = async (name?: string): Promise<{ status: number; code: unknown; ms: number; replayed: boolean }> => {
    const headers = { ...bearer(key), 'content-type': 'application/json', ...(name === undefined ? {} : { 'idempotency-key': name }) }
    const from = performance.now()
    const response = await fetch(gateway.publicUrl + BALANCE, { method: 'POST', headers, body: JSON.stringify(WALLET) })
    const { code } = (await response.json()) as { code?: unknown }
    return { status: response.status, code, ms: performance.now() - from, replayed: response.headers.has('x-atlas-replayed') }
  }
  const balance = async (): Promise<unknown> =>
    ((await (await fetch(`${gateway.publicUrl}/credits`, { headers: bearer(key) })).json()) as { balance: unknown }).balance
  const toggle = async (said: string): Promise<void> => {
    process.kill(gateway.pid, 'SIGUSR2')
    await until(said, async () => gateway.stdout().trimEnd().endsWith(said), 5_000)
  }
  for (let turn = 0; turn < 5; turn += 1) t.equal((await call()).status, 200, 'warm')
  t.equal(await balance(), '9.25')

  await toggle('stands still')
  let isOver = false
  const slow = slowness(() => isOver)
  const first = await Promise.all([call(), call('a call with a name'), call()])
  const answers = [...first, await call(), await call()]
  isOver = true
  const extraMs = 2 * (await slow)
  for (const answer of answers) {
    t.match(answer, { status: 503, code: 'unavailable' })
    t.ok(answer.ms < 250 + extraMs, `after ${answer.ms.toFixed(0)} ms; ${extraMs.toFixed(0)} ms are this machine's`)
  }
  t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503, '/readyz tells the truth')

  await toggle('goes on')
  await until('the gateway is ready by itself', async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 200, 5_000)
  const named = await call('a call with a name')
  t.match(named, { status: 200, replayed: true }, 'its charge came too late and stands, with its answer')
  await until('nameless ones have their money back', async () => (await balance()) === '9.10', 5_000)
  t.equal((await call()).status, 200)
  t.equal(await balance(), '8.95')
  const verified = (await (await fetch(`${gateway.adminUrl}/api/ledger/verify`)).json()) as { ok: boolean }
  t.ok(verified.ok)
})
