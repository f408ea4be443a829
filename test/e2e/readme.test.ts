/** The first screen of README.md: its money is what `atlas estimate` says, and its picture is there where it is shown. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { atlas, ROOT } from '../rig/atlas.ts'

const page = readFileSync(join(ROOT, 'README.md'), 'utf8')
const FIRST_SCREEN_LINES = 45
const ASKED = ['--quota', '10000', '--used', '3000', '--sold', '5000', '--base', '$0.05', '--markup', '3x', '--subscription', '$500']

/** Right column of a row of the table. */
function cell(row: string): string {
  const found = page.split('\n').find((line) => line.startsWith('|') && line.includes(row))
  return found?.split('|').at(-2)?.trim().replaceAll('**', '') ?? `there is no row "${row}"`
}

t.test('the money table is the worked example, as the command reckons it', async (t) => {
  const { json, status } = await atlas(['estimate', ...ASKED, '--json'])
  t.equal(status, 0)
  t.same(
    [
      cell('calls for sale'),
      cell('price of a call'),
      cell('revenue of'),
      cell('the owner has (90 %)'),
      cell('the platform (10 %)'),
      cell('the subscription costs'),
    ],
    [
      Number(json.available).toLocaleString('en-US'),
      ...['price', 'revenue', 'owner_share', 'platform_share', 'subscription_cost'].map((name) => `$${json[name]}`),
    ],
  )
  t.equal(cell('at the end of the month'), `+$${json.net_profit}`)
})

t.test('the first screen says what it is, how to start it and what it brings', async (t) => {
  const screen = page.split('\n').slice(0, FIRST_SCREEN_LINES).join('\n')
  for (const said of ['npm ci && npm start', 'npm ci && npm test', 'is a gateway that sells', '+$175.00', 'docs/FIRST-FIVE-MINUTES.md'])
    t.ok(screen.includes(said), said)
  for (const [, picture = ''] of page.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)) t.ok(existsSync(join(ROOT, picture)), picture)
})
