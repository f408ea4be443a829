/** A changed file while the gateway runs: taken without a restart, or refused with every complaint while the old one serves. */

import t from 'tap'
import { BALANCE, until, WALLET } from '../rig/gateway.ts'
import { configOf, DEARER, JSON_BODY, openReloaded, replace } from '../rig/reloaded.ts'

t.test('the next call after an edit has the new price, and so has every page; nobody restarted anything', async (t) => {
  const { file, price, quote, started } = await openReloaded(t)
  t.equal(await price(), '$0.15')
  replace(file, configOf({ markup: '4x' }))
  await until('the new price', async () => (await quote()) === DEARER, 20_000)
  t.equal(await price(), '$0.20')
  const catalog = (await (await fetch(`${started.publicUrl}/catalog`)).json()) as { apis: { operations: { id: string; price: string }[] }[] }
  t.equal(catalog.apis[0]?.operations.find(({ id }) => id.endsWith('current-balance'))?.price, '0.20')
  const page = await (await fetch(`${started.publicUrl}/openapi.json`)).text()
  t.match(page, '0.20')
  const unpaid = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(WALLET) })
  t.match(await unpaid.json(), { accepts: [{ maxAmountRequired: '200000' }] })
  t.equal(await started.stop('SIGTERM'), 0)
})

t.test('a bad file is refused loudly with each complaint and its place, and the one before keeps serving', async (t) => {
  const { file, price, started, atlas } = await openReloaded(t)
  replace(file, configOf({ reserved: 12_000, markup: '0.5x' }))
  await until('the refusal is in the log', () => started.stderr().includes('was refused; the one before keeps serving'), 20_000)
  t.match(started.stderr(), /gateway\.config\.yml:\d+:\d+: reserved 12000 is more than monthly_quota 10000; expected 0 to 10000/)
  t.equal(await price(), '$0.15')
  const reload = await atlas('reload')
  t.equal(reload.status, 1)
  t.match(reload.stderr, /gateway\.config\.yml:\d+:\d+: reserved 12000 is more than monthly_quota 10000; expected 0 to 10000\n/)
  t.match(reload.stderr, /gateway\.config\.yml:\d+:\d+: markup/)
  const told = await atlas('reload', '--json')
  t.match(told.json, { taken: false, problems: [/reserved 12000/, /markup/] })
  t.equal(await price(), '$0.15')
})

t.test('a file that changes what a reload cannot is refused whole, with that sentence', async (t) => {
  const { file, price, atlas } = await openReloaded(t)
  replace(file, configOf({ markup: '4x' }, { mode: 'sandbox', store: { replay_mb: 64 }, listen: '127.0.0.2:0' }))
  const reload = await atlas('reload')
  t.equal(reload.status, 1)
  for (const setting of ['listen', 'store'])
    t.match(
      reload.stderr,
      new RegExp(`gateway\\.config\\.yml:\\d+:\\d+: ${setting} needs a restart; a reload takes nothing of this file as long as it changes that\n`),
    )
  t.equal(await price(), '$0.15')
})
