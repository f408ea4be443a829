/**
 * A person at the console, in a real browser: signs in, sees what the commands print, pauses and resumes a connection, lets a consumer
 * go, watches calls. With ATLAS_SCREENSHOTS set it takes the pictures of docs/console.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { formatUsd, usd } from '#contract'
import { atlas } from '../rig/atlas.ts'
import { complainsOfNothing, drawn, openConsole, picture, TOKEN, watchedPage } from '../rig/browser.ts'
import { BALANCE, bearer, WALLET } from '../rig/gateway.ts'

const { rig, url, browser, signIn } = await openConsole(t)

type Row = Readonly<Record<string, unknown>>
const command = async (...args: readonly string[]): Promise<Row> =>
  (await atlas([...args, '--json', '--config', rig.file], { env: { ADMIN_PORT: new URL(rig.adminUrl).port } })).json

/** Values of the cells of a table, as programs read them, row by row. */
const valuesOf = (page: Page, label: string): Promise<string[][]> =>
  page.evaluate(`[...document.querySelectorAll('[aria-label="${label}"] tbody tr, [aria-label="${label}"] tfoot tr')].map((row) =>
    [...row.cells].map((cell) => cell.querySelector('data')?.value ?? cell.textContent.trim()))`)
const figuresOf = async (page: Page, at: number): Promise<Readonly<Record<string, readonly (string | number | null)[]>>> =>
  JSON.parse((await page.locator('[data-chart]').nth(at).getAttribute('data-figures')) ?? '')

t.test('who has the token gets in, and nobody else', async (t) => {
  const one = await watchedPage(browser)
  await one.page.goto(`${url}/audit`)
  t.equal(one.page.url(), `${url}/login`)
  await one.page.getByLabel('Admin token').fill('a guess')
  await one.page.keyboard.press('Enter')
  t.match(await one.page.getByRole('alert').textContent(), 'not the admin token')
  await one.page.getByLabel('Admin token').fill(TOKEN)
  await one.page.keyboard.press('Enter')
  await one.page.waitForURL(url)
  const [cookie] = await one.context.cookies()
  t.match(cookie, { httpOnly: true, sameSite: 'Strict', path: '/console' })
  t.equal(await one.page.evaluate('document.cookie'), '')
  await one.page.getByRole('button', { name: 'Sign out' }).click()
  await one.page.waitForURL(`${url}/login`)
  await one.page.goto(url)
  t.equal(one.page.url(), `${url}/login`)
  await one.context.close()
})

const main = await signIn()
const { page } = main

t.test('the overview says what report and forecast print, and draws it', async (t) => {
  await page.goto(url)
  await drawn(page)
  const [report, forecast] = await Promise.all([command('report'), command('forecast')])
  const [rows, total] = [report.connections as readonly Row[], report.total as Row]
  const figures = ['calls_sold', 'units_sold', 'own_units', 'revenue', 'owner_share', 'platform_share', 'subscription_cost', 'net_profit']
  t.ok(usd(String(total.revenue)) > usd('$1') && rows.length === 4, 'something was sold')
  const shown = await valuesOf(page, 'Sales of this month by connection')
  t.same(shown, [
    ...rows.map((row) => [row.name, row.owner, ...figures.map((name) => String(row[name]))]),
    ['total', '', ...figures.map((name) => String(total[name]))],
  ])
  const texts = await page.locator('[aria-label="Sales of this month by connection"] tfoot data').allTextContents()
  t.same(
    texts.map((text) => text.replace(/[$,+]/g, '').replace('−', '-')),
    figures.map((name) => String(total[name])),
    'and people read the same',
  )

  const { at, revenue, calls } = await figuresOf(page, 0)
  const month = (at ?? []).flatMap((seconds, index) => (new Date(Number(seconds) * 1000).toISOString().startsWith(String(report.month)) ? [index] : []))
  t.equal(formatUsd(month.reduce((sum, index) => sum + usd(String(revenue?.[index])), 0n)), total.revenue, 'days of the chart')
  t.equal(
    month.reduce((sum, index) => sum + Number(calls?.[index]), 0),
    total.calls_sold,
  )
  const coming = (forecast.connections as readonly { month_end: { owner_share: string } }[]).reduce((sum, one) => sum + usd(one.month_end.owner_share), 0n)
  const tiles = (await page.evaluate(`[...document.querySelectorAll('.tile dd:not(.note) data')].map(({ value }) => value)`)) as string[]
  t.same(tiles.slice(0, 3), [total.revenue, total.owner_share, total.net_profit])
  const apart = usd(tiles[3] as string) - (usd(String(total.net_profit)) + coming)
  t.ok(apart < 100_000n && apart > -100_000n, `net at month's end, but for the seconds between: ${apart}`)
  await picture(page, 'overview')
})

t.test('the quota burns down to what status says is left, above the reserve', async (t) => {
  await page.goto(`${url}/connections`)
  await drawn(page)
  const { connections } = (await command('marketplace', 'api', 'status')) as { connections: readonly Row[] }
  for (const [index, row] of connections.entries()) {
    const { left, reserve, coming, at } = await figuresOf(page, index)
    const now = (left ?? []).filter((one) => one !== null).length - 1
    t.equal(Number(left?.[now]) - Number(reserve?.[now]), row.units_left, `${String(row.name)}: for sale`)
    t.equal(reserve?.[now], Math.max(0, Number(row.reserved) - Number(row.own_units)), 'reserve')
    t.equal(coming?.[now], left?.[now], 'the forecast begins now')
    t.equal(Number(at?.at(-1)) * 1000, Date.parse(String(row.resets_at)), 'and ends where the period does')
    t.ok(Number(left?.[0]) > Number(left?.[now]), 'it went down')
  }
  await picture(page, 'connections')
})

t.test('a paused connection sells nothing; resumed, it is vetted and sells', async (t) => {
  const { key } = await rig.key({ credits: '$5' })
  const call = async (): Promise<readonly unknown[]> => {
    const { status, json } = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
    return status === 200 ? [200] : [status, json.code]
  }
  await page.goto(`${url}/connections`)
  await page.getByRole('button', { name: 'Pause nansen' }).click()
  await page.getByRole('status').filter({ hasText: 'nansen is off sale' }).waitFor()
  t.same(await call(), [503, 'sold_out'])
  await page.goto(url)
  t.match(await page.getByRole('region', { name: 'Needs attention' }).textContent(), 'nansen is off sale')
  await page.getByRole('link', { name: 'nansen' }).first().click()
  await page.getByRole('button', { name: 'Vet and resume nansen' }).click()
  await page.getByRole('status').filter({ hasText: 'nansen is on sale, vetted' }).waitFor()
  t.same(await call(), [200])
  const checks = await valuesOf(page, 'Vetting of nansen')
  t.ok(checks.length >= 9 && checks.every(([, result]) => result !== 'failed'), JSON.stringify(checks))
  t.match((await command('audit', 'tail')).entries, [{}], 'and the audit log knows')
})

t.test('a blocked consumer is let go', async (t) => {
  const { key, id } = await rig.key({ credits: '$5' })
  const call = async (body: object): Promise<number> => (await rig.call('POST', BALANCE, { headers: bearer(key), body })).status
  for (let bad = 0; bad < 90; bad += 1) await call({ nonsense: bad })
  t.equal(await call(WALLET), 403)
  await page.goto(`${url}/consumers`)
  t.match(await page.locator('[aria-label="Suspected of abuse"] tbody').textContent(), new RegExp(`key:${id}.*blocked`))
  await picture(page, 'consumers')
  await page.getByRole('button', { name: `Unblock key:${id}` }).click()
  await page.getByRole('status').filter({ hasText: 'is forgotten' }).waitFor()
  t.equal(await call(WALLET), 200)
})

t.test('calls appear while somebody looks, and wait while he reads', async (t) => {
  const { key, id } = await rig.key({ credits: '$5' })
  const call = (): Promise<unknown> => rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  await page.goto(`${url}/calls`)
  await page.locator('#live-state', { hasText: 'live' }).waitFor()
  const mine = page.locator('#live tbody tr', { hasText: id })
  t.equal(await mine.count(), 0)
  await call()
  await mine.first().waitFor()
  t.match(await mine.first().textContent(), /nansen.*charged 200.*nansen.*1.*\$0\.15/)
  await page.getByRole('button', { name: 'Hold' }).click()
  await call()
  await page.locator('#live[data-waiting="1"]').waitFor()
  t.equal(await mine.count(), 1, 'held')
  await page.getByRole('button', { name: 'Go on' }).click()
  await mine.nth(1).waitFor()
  await picture(page, 'calls')
})

t.test('a file dropped into a folder of adapters appears with operations, units and terms', async (t) => {
  const adapter = `import { defineAdapter } from 'atlas-gateway'
export default defineAdapter({
  name: 'weather', title: 'Weather Co', category: 'Weather', docs: 'https://weather.example/docs', baseUrl: 'https://weather.example/v1',
  credential: { in: 'header', name: 'X-Key' }, quota: { unit: 'call', resets: 'first-of-month' },
  terms: { attribution: 'Data: Weather Co', source: 'https://weather.example/terms', checked: '2026-11-01' },
  operations: [{ id: 'today', method: 'GET', path: '/today', units: 7, resale: 'attribution', description: 'The weather', sample: { sun: true } }],
  failures: [],
})
`
  await page.goto(`${url}/configuration`)
  t.equal(await page.locator('#adapter-weather').count(), 0)
  writeFileSync(join(rig.folder, 'my-adapters', 'weather.mjs'), adapter)
  await page.goto(`${url}/configuration#adapter-weather`)
  await page.reload()
  const section = page.locator('#adapter-weather')
  t.match(await section.textContent(), /Weather Co.*1 operations.*Credit line: Data: Weather Co.*today.*GET \/today.*7.*attribution/s)
  t.match(await page.locator('#adapter-nansen').textContent(), /profiler-address-current-balance.*\$0\.15/s)
  t.equal(await page.locator('#file-state').getAttribute('data-state'), 'same')
  const before = readFileSync(rig.file)
  writeFileSync(rig.file, `# changed\n${before.toString()}`)
  await page.reload()
  t.equal(await page.locator('#file-state').getAttribute('data-state'), 'differs')
  writeFileSync(rig.file, before)
})

/** In the dark, and on a telephone. */
async function pictures(): Promise<void> {
  const dark = await signIn({ scheme: 'dark' })
  await dark.page.goto(`${url}/connections`)
  await drawn(dark.page)
  await picture(dark.page, 'connections-dark')
  const small = await signIn({ width: 360 })
  await drawn(small.page)
  await picture(small.page, 'overview-360')
}

if (process.env.ATLAS_SCREENSHOTS !== undefined) await pictures()

t.test('the browser complains of nothing, and asks nobody else', async (t) => {
  complainsOfNothing(t, main, rig)
})
