/** After the last stop: each account's statement in the books against what its clients were told, receipt by receipt. */
import { formatUsd, monthOf, type Usd } from '#contract'
import { load, quietLog } from '../../gateway/doors/cli/context.ts'
import { type Ground, openGround } from '../../gateway/ground/index.ts'
import { type Call, isUncertain, type Spender } from './calls.ts'
import { DEAREST, PRICES } from './shop.ts'

const MOST_ENTRIES = 10_000_000

export interface BooksWish {
  readonly file: string
  readonly spenders: readonly Spender[]
  readonly calls: readonly Call[]
  /** Lives that ended by kill -9. */
  readonly killed: ReadonlySet<number>
}

export async function booksOf(wish: BooksWish): Promise<{ wrong: string[]; figures: Readonly<Record<string, unknown>> }> {
  const { config } = await load(wish.file)
  if (config === undefined) throw new Error(`${wish.file} does not load`)
  const ground = await openGround(config, { log: quietLog })
  try {
    const wrong: string[] = []
    const sums = { charges: 0, refunds: 0, unexplained: 0, spent: 0n }
    const byKey = new Map<string | undefined, Call[]>()
    for (const call of wish.calls) {
      const id = call.spender?.id
      const mine = byKey.get(id)
      if (mine === undefined) byKey.set(id, [call])
      else mine.push(call)
    }
    for (const spender of wish.spenders) {
      if (spender.credits === undefined) continue
      wrong.push(...(await statementOf(ground, spender, { calls: byKey.get(spender.id) ?? [], killed: wish.killed, sums })))
    }
    const paid = await paidOf(ground, wish.calls)
    const rows = await ground.books.report(monthOf(Date.now()))
    const revenue = rows.reduce((sum, row) => sum + row.revenue, 0n)
    const rest = revenue - sums.spent - paid.told
    if (rest < 0n || rest > BigInt(paid.open) * DEAREST)
      wrong.push(`the report says ${formatUsd(revenue as Usd)}, statements ${formatUsd(sums.spent as Usd)}, wallets ${formatUsd(paid.told as Usd)}`)
    const figures = async () => ({ balances: await ground.admin.balances(), usage: await ground.admin.usage() })
    for (const { check, ok, detail } of await ground.books.verify(figures)) if (!ok) wrong.push(`${check}: ${detail}`)
    const { spent, ...counts } = sums
    const said = {
      ...counts,
      spent: formatUsd(spent as Usd),
      wallets: formatUsd(paid.told as Usd),
      walletsUnexplained: formatUsd(rest as Usd),
      revenue: formatUsd(revenue as Usd),
    }
    return { wrong: [...wrong, ...paid.wrong], figures: said }
  } finally {
    await ground.close()
  }
}

/** Each receipt of a wallet is in the books, at its price and once. */
async function paidOf(ground: Ground, calls: readonly Call[]): Promise<{ wrong: string[]; told: bigint; open: number }> {
  const wrong: string[] = []
  const paid = calls.filter(({ kind }) => kind === 'wallet')
  const seen = new Set<string>()
  let told = 0n
  for (const { status, receipt = '', price } of paid) {
    if (status !== 200) continue
    told += price ?? 0n
    const row = await ground.books.charged(receipt)
    if (row === undefined || row.by !== 'x402' || row.price !== price || seen.has(receipt))
      wrong.push(`the receipt ${receipt} of a wallet is not in the books, or twice`)
    seen.add(receipt)
  }
  return { wrong, told, open: paid.filter(isUncertain).length }
}

interface StatementWish {
  readonly calls: readonly Call[]
  readonly killed: ReadonlySet<number>
  readonly sums: { charges: number; refunds: number; unexplained: number; spent: bigint }
}

async function statementOf(ground: Ground, { account, credits, id }: Spender, { calls, killed, sums }: StatementWish): Promise<string[]> {
  const entries = await ground.books.statement(account, MOST_ENTRIES)
  const charges = new Map<string | undefined, bigint>()
  const refunds = new Set(entries.filter(({ kind }) => kind === 'refund').map(({ receipt }) => receipt))
  const wrong: string[] = []
  const say = (text: string): void => void wrong.push(`key ${id}: ${text}`)
  let spent = 0n
  for (const { kind, receipt, amount } of entries) {
    if (kind === 'credit') continue
    spent -= amount
    if (kind !== 'charge') continue
    if (charges.has(receipt)) say(`the receipt ${receipt} stands twice`)
    charges.set(receipt, -amount)
  }
  const told = new Set<string>()
  for (const call of calls) {
    const { receipt, price = -1n, units, kind, status } = call
    if (receipt === undefined || status !== 200) continue
    const what = `call ${call.number} (${kind}) was answered with ${receipt} for ${price}`
    if (told.has(receipt)) say(`${what}, and so was another one`)
    told.add(receipt)
    if (charges.get(receipt) !== price) say(`${what}, the statement says ${charges.get(receipt)}`)
    if (!PRICES.has(price / BigInt(units)) || price % BigInt(units) !== 0n) say(`${what}, which no configuration asks for ${units} units`)
    if (refunds.has(receipt) && call.whole) say(`${what}, and was refunded`)
    // A provider that breaks an answer off gives the money back, unless the gateway died before it could.
    if (!refunds.has(receipt) && !call.whole && !call.left && !killed.has(call.life)) say(`${what}, was broken off and not refunded`)
  }
  const rest = [...charges.keys()].filter((receipt) => !told.has(receipt as string) && !refunds.has(receipt)).length
  const open = calls.filter((call) => call.receipt === undefined && isUncertain(call)).length
  if (rest > open) say(`${rest} charges were answered to nobody, of ${open} calls whose end nobody was told`)
  const balance = await ground.admin.balance(account)
  if (balance !== (credits ?? 0n) - spent) say(`the balance is ${formatUsd(balance)} after ${formatUsd(spent as Usd)}`)
  sums.charges += charges.size
  sums.refunds += refunds.size
  sums.unexplained += rest
  sums.spent += spent
  return wrong
}
