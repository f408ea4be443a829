/** `atlas payout`: what each owner is owed and why, and paying it on chain, once. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { Failure } from './context.ts'
import { type Common, money, print } from './printing.ts'
import { right, table } from './table.ts'

type Row = Readonly<Record<string, string | boolean | null>>

export function addPayoutCommands(program: Command, common: (command: Command) => Command): void {
  const payout = program.command('payout').description('what owners are owed')
  common(payout.command('plan').description('what each owner is owed and why; pays nothing')).action(plan)
  common(payout.command('run').description('pay on chain what is owed, once, and end what an earlier run left')).action(run)
}

const text = (value: Row[string] | undefined): string => (typeof value === 'string' ? value : '-')

const AMOUNTS = ['earned', 'refunded', 'corrected', 'paid', 'in_transit', 'owed']

async function plan(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/payouts')
  const { owners, under_way: underWay } = answered.value as { owners: readonly Row[]; under_way: Row | null }
  const columns = [{ title: 'owner' }, ...AMOUNTS.map((name) => right(name.replace('_', ' '))), { title: 'wallet' }, { title: 'why' }]
  const rows = owners.map((row) => [text(row.owner), ...AMOUNTS.map((name) => money(row[name])), text(row.wallet), text(row.why)])
  const open =
    underWay === null ? '' : `\nunder way: ${money(underWay.amount)} to ${text(underWay.owner)}, ${text(underWay.transaction)}, ${text(underWay.detail)}`
  print(answered, options, () => table(columns, rows) + open)
}

async function run(options: Common): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/payouts/run')
  const { payouts, problem } = answered.value as { payouts: readonly Row[]; problem: string | null }
  const columns = [{ title: 'owner' }, right('amount'), { title: 'state' }, { title: 'to' }, { title: 'transaction' }, { title: 'detail' }]
  const detail = ({ block, detail: said }: Row): string => (block === null || block === undefined ? text(said) : `block ${text(block)}`)
  const rows = payouts.map((row) => [text(row.owner), money(row.amount), text(row.state), text(row.to), text(row.transaction), detail(row)])
  print(answered, options, () => (payouts.length === 0 ? 'no payout was made' : table(columns, rows)))
  if (problem !== null) throw new Failure(problem)
  if (payouts.some(({ state }) => state !== 'paid')) throw new Failure('not every payout was paid; the table says why')
}
