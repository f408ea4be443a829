/** What must be true whatever was killed. Each check gives its differences in words; none means that it holds. */
import { formatUsd, monthOf, usd } from '#contract'
import { load, quietLog } from '../../gateway/doors/cli/context.ts'
import { type Ground, openGround } from '../../gateway/ground/index.ts'
import type { Started } from '../rig/atlas.ts'
import type { CrowdCall } from '../rig/crowd.ts'
import { bearer } from '../rig/gateway.ts'
import type { Provider } from '../rig/provider.ts'
import { APIS, type Api, asked, CREDITS, QUOTAS, UNIT_PRICE, UNITS, type World } from './world.ts'

const micros = (text: unknown): bigint => usd(String(text))
const pathOf = (api: string, url: string): boolean => url.startsWith(`/${api}/`)

/** Units that the provider has been asked for, answered or not. */
const unitsAsked = ({ seen }: Provider, api: Api): number =>
  seen.reduce((sum, { url, method }) => sum + (pathOf(api, url) ? UNITS[method === 'POST' ? 'write' : 'search'] : 0), 0)

/** How often the provider has seen this call. */
const timesAsked = ({ seen }: Provider, { api, number }: CrowdCall): number =>
  seen.filter(({ url, body }) => url === `/${api}/search?q=${number}` || (url === `/${api}/write` && body === `{"text":"${number}"}`)).length

type Row = Readonly<Record<string, string | number>>

/** While nobody spends: money, report and units agree with each other and with the provider. */
export async function figuresOf({ provider, spenders }: World, { publicUrl, adminUrl }: Started): Promise<string[]> {
  const wrong: string[] = []
  const report = await asked<{ connections: readonly Row[]; total: Row }>(`${adminUrl}/api/report`)
  const status = await asked<{ connections: readonly Row[] }>(`${adminUrl}/api/status`)
  let spent = 0n
  for (const [index, { key }] of spenders.entries()) {
    const { balance } = await asked<{ balance: string }>(`${publicUrl}/credits`, bearer(key))
    if (micros(balance) < 0n) wrong.push(`${balance} is left of ${CREDITS[index]}`)
    spent += usd(CREDITS[index] as string) - micros(balance)
  }
  const { revenue, owner_share, platform_share } = report.total
  if (micros(revenue) !== spent) wrong.push(`the keys have spent ${formatUsd(spent)}, ${revenue} was sold`)
  if (micros(owner_share) + micros(platform_share) !== spent) wrong.push(`${owner_share} and ${platform_share} are not ${formatUsd(spent)}`)
  for (const api of APIS) wrong.push(...unitsOf(provider, api, find(report, api), find(status, api)))
  return wrong
}

const find = ({ connections }: { connections: readonly Row[] }, api: Api): Row => connections.find(({ name }) => name === api) ?? {}

function unitsOf(provider: Provider, api: Api, row: Row, status: Row): string[] {
  const [sold, own, wasted] = [status.sold_units, status.own_units, status.wasted_units].map((text) => Number(text)) as [number, number, number]
  const count = unitsAsked(provider, api)
  const { monthly_quota, reserved } = QUOTAS[api]
  const known = `${api}: sold ${sold}, own ${own}, wasted ${wasted}; the provider was asked for ${count}`
  const wrong: string[] = []
  // A charge that came too late was refunded: its units are sold, its money is back.
  if (micros(row.revenue) > UNIT_PRICE * BigInt(sold)) wrong.push(`${known}: more money than units, ${row.revenue}`)
  if (row.units_sold !== sold || row.own_units !== own) wrong.push(`${known}: the report says ${row.units_sold} and ${row.own_units}`)
  if (count < sold + own) wrong.push(`${known}: something was sold that the provider did not answer`)
  if (sold + own + wasted < count) wrong.push(`${known}: an answer of the provider is lost from the units`)
  if (sold > monthly_quota - reserved || sold + own + wasted > monthly_quota) wrong.push(`${known}: the quota does not hold`)
  return wrong
}

/** Calls that were answered before are answered again with the same bytes, and the provider does not hear of them. */
export async function replaysOf({ crowd, provider, spenders }: World, { publicUrl }: Started): Promise<string[]> {
  // An owner's call is free and does not wait for the disk: after a crash it may have to be made again.
  const paid = new Set(spenders.map(({ id }) => id))
  const named = crowd.calls.filter(({ name, status, spender }) => name !== undefined && status === 200 && paid.has(spender.id)).slice(-12)
  const before = named.map((call) => ({ ...call, asked: timesAsked(provider, call) }))
  await crowd.again(publicUrl, named)
  return named.flatMap((call, index) => {
    const first = before[index]
    const same = call.status === 200 && call.replayed && call.body === first?.body && call.receipt === first.receipt && call.price === first.price
    if (same && timesAsked(provider, call) === first.asked) return []
    return [`call ${call.number} was ${first?.status} with ${first?.receipt}, and is ${call.status} ${call.code ?? ''} with ${call.receipt} on its replay`]
  })
}

/** What nobody may ever see: anything but served, paid for, sold out, out of reach for a moment or said to be unknown. */
export function answersOf({ crowd }: World): { wrong: string[]; counts: string } {
  const seen = new Map<string, number>()
  for (const { status, code, name, operation } of crowd.calls) {
    const detail = code === undefined || code === 'replay_unavailable' ? ` ${name === undefined ? 'unnamed' : 'named'} ${operation}` : ''
    const what = status === 200 ? '200' : `${code ?? status}${detail}`
    seen.set(what, (seen.get(what) ?? 0) + 1)
  }
  const good = new Set([
    '200',
    'insufficient_credits',
    'sold_out',
    'open unnamed search',
    'open unnamed write',
    'replay_unavailable named write',
    'unavailable',
  ])
  return { wrong: [...seen.keys()].filter((what) => !good.has(what)), counts: [...seen].map(([what, count]) => `${count} × ${what}`).join(', ') }
}

/** Each key's statement against what its clients saw, from the books themselves. The gateways have stopped. */
export async function statementsOf(world: World): Promise<string[]> {
  const { config } = await load(world.files[0] as string)
  if (config === undefined) throw new Error(`${world.files[0]} does not load`)
  const ground = await openGround(config, { log: quietLog })
  try {
    const wrong: string[] = []
    let revenue = 0n
    for (const index of world.spenders.keys()) {
      const found = await statementOf(ground, world, index)
      wrong.push(...found.wrong)
      revenue += found.spent
    }
    const rows = await ground.books.report(monthOf(Date.now()))
    const sum = rows.reduce((total, row) => total + row.revenue, 0n)
    if (sum !== revenue) wrong.push(`the report says ${formatUsd(sum)}, the statements ${formatUsd(revenue)}`)
    const figures = async () => ({ balances: await ground.admin.balances(), usage: await ground.admin.usage() })
    for (const { check, ok, detail } of await ground.books.verify(figures)) if (!ok) wrong.push(`${check}: ${detail}`)
    return wrong
  } finally {
    await ground.close()
  }
}

const MOST_ENTRIES = 10_000_000

async function statementOf(ground: Ground, { crowd, spenders }: World, index: number): Promise<{ wrong: string[]; spent: bigint }> {
  const id = spenders[index]?.id
  const account = `key:${id}`
  const mine = crowd.calls.filter(({ spender }) => spender.id === id)
  const entries = await ground.books.statement(account, MOST_ENTRIES)
  const charges = entries.filter(({ kind }) => kind === 'charge')
  const refunded = new Set(entries.filter(({ kind }) => kind === 'refund').map(({ receipt }) => receipt))
  const byReceipt = new Map(charges.map(({ receipt, amount }) => [receipt as string, -amount]))
  const wrong: string[] = []
  const say = (text: string): void => void wrong.push(`${CREDITS[index]}: ${text}`)
  if (byReceipt.size !== charges.length) say(`${charges.length - byReceipt.size} receipts stand twice`)
  const answered = mine.filter(({ status }) => status === 200)
  const missing = answered.filter(({ receipt = '', price }) => byReceipt.get(receipt) !== micros(price) || refunded.has(receipt))
  if (missing.length > 0) say(`${missing.length} of ${answered.length} answered calls are not in the statement at their price, such as ${missing[0]?.receipt}`)
  const receipts = new Set(answered.map(({ receipt }) => receipt))
  if (receipts.size !== answered.length) say('a receipt was answered to two calls')
  // Charged and never answered: something was killed in between, and a call without a name cannot be fetched again.
  const unexplained = [...byReceipt.keys()].filter((receipt) => !receipts.has(receipt) && !refunded.has(receipt)).length
  const open = mine.filter(({ name, status, code }) => name === undefined && (status === 'open' || code === 'unavailable')).length
  if (unexplained > open) say(`${unexplained} charges were not answered, of ${open} unnamed calls that were cut off`)
  const spent = entries.reduce((total, { kind, amount }) => (kind === 'credit' ? total : total - amount), 0n)
  const balance = await ground.admin.balance(account)
  if (balance !== usd(CREDITS[index] as string) - spent) say(`the balance is ${formatUsd(balance)} after ${formatUsd(spent)}`)
  return { wrong, spent }
}
