/** `atlas x402 status`: networks, facilitators, and settlements whose outcome is not known yet. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { type Common, print } from './printing.ts'
import { table } from './table.ts'

interface Sums {
  readonly answered: number
  readonly refused: number
  readonly lost: number
  readonly success_rate: number | null
}

interface Status {
  readonly networks: readonly { readonly network: string; readonly asset: string; readonly settled: boolean; readonly node: string | null }[]
  readonly facilitators: readonly { readonly name: string; readonly problem: string | null; readonly verify: Sums; readonly settle: Sums }[]
  readonly unknown: readonly {
    readonly receipt: string
    readonly buys: string
    readonly network: string
    readonly payer: string
    readonly amount: string
    readonly age_seconds: number
  }[]
}

export function addX402Commands(program: Command, common: (command: Command) => Command): void {
  const x402 = program.command('x402').description('payments by x402')
  common(x402.command('status').description('networks, facilitators, outcomes not known yet')).action(status)
}

async function status(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/x402')
  print(answered, options, () => shown(answered.value as Status))
}

const columns = (...titles: readonly string[]): { title: string }[] => titles.map((title) => ({ title }))
const percent = (rate: number | null): string => (rate === null ? '-' : `${(rate * 100).toFixed(1)} %`)
const sums = ({ answered, refused, lost, success_rate }: Sums): string => `${answered} yes, ${refused} no, ${lost} lost (${percent(success_rate)})`

function shown({ networks, facilitators, unknown }: Status): string {
  const parts = [
    networks.length === 0
      ? 'no gateway runs: networks and facilitators are not known here'
      : table(
          columns('network', 'asset', 'settled', 'node'),
          networks.map(({ network, asset, settled, node }) => [network, asset, settled ? 'yes' : 'no', node ?? '-']),
        ),
    facilitators.length === 0
      ? ''
      : table(
          columns('facilitator', 'state', 'verify', 'settle'),
          facilitators.map(({ name, problem, verify, settle }) => [name, problem ?? 'ok', sums(verify), sums(settle)]),
        ),
    unknown.length === 0
      ? 'no settlement is unknown'
      : table(
          columns('unknown', 'buys', 'network', 'payer', 'amount', 'age'),
          unknown.map((one) => [one.receipt, one.buys, one.network, one.payer, `$${one.amount}`, `${one.age_seconds} s`]),
        ),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}
