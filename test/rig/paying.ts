/** Owners who are owed money, on a real ground (store and books), and the payouts that a gateway would make of it. */
import { join } from 'node:path'
import { type Adapter, type Plugin, type Usd, usd } from '#contract'
import { formatComplaint } from '../../config/complaints.ts'
import { discover } from '../../config/discover.ts'
import { loadConfig } from '../../config/load.ts'
import type { GatewayConfig } from '../../config/model.ts'
import { type Ground, openGround, systemClock } from '../../gateway/ground/index.ts'
import { type Payer, type PayoutParts, Payouts } from '../../gateway/office/payouts.ts'
import { EvmPayer, networksOf, type PayerOptions } from '../../gateway/payouts/index.ts'
import { type Account, type Chain, startChain } from './chain.ts'
import { type Logged, temporaryFolder, writeConfig } from './gateway.ts'
import type { Teardown } from './folder.ts'
import { type PlayNode, startNode } from './node.ts'
import { charge, credits, fund, hold, supply } from './store.ts'

export interface Wish {
  /** Wallets of alice and bob. */
  readonly wallets: readonly (Account | undefined)[]
  readonly signer: string
  readonly rpc: string
  readonly min?: string
}

/** Written to a folder; alice sells by `nansen`, bob by `nansen-2`. */
function payingConfig(folder: string, { wallets, signer, rpc, min = '$10' }: Wish): string {
  const payTo = (at: number): object => (wallets[at] === undefined ? {} : { pay_to: wallets[at]?.address })
  const selling = { monthly_quota: 1_000_000, reserved: 0, resale_terms: 'confirmed' }
  return writeConfig(folder, {
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    api_connections: [
      { name: 'nansen', owner: 'alice', ...selling, ...payTo(0) },
      { name: 'nansen-2', adapter: 'nansen', owner: 'bob', ...selling, ...payTo(1) },
    ],
    payout: { signer, rpc, min },
  })
}

async function loaded(file: string): Promise<GatewayConfig> {
  const [plugins, adapters] = await Promise.all([
    discover<Plugin>(new URL('../../plugins/', import.meta.url), 'plugin'),
    discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter'),
  ])
  const { config, problems } = await loadConfig({ file, env: {}, plugins, adapters })
  if (config === undefined) throw new Error(problems.map(formatComplaint).join('\n'))
  return config
}

export interface Paying {
  readonly file: string
  readonly folder: string
  readonly ground: Ground
  readonly logged: readonly Logged[]
  readonly payer: EvmPayer
  payouts(more?: Partial<PayoutParts> & { readonly payer?: Payer; readonly options?: Partial<PayerOptions> }): Payouts
  /** A call of this price is sold; the platform gets a tenth, rounded down. */
  earn(connection: 'nansen' | 'nansen-2', price: string): Promise<void>
  /** Balances that are not zero, of accounts that begin so. */
  balances(...beginnings: readonly string[]): Promise<Record<string, Usd>>
  close(): Promise<void>
}

function payerOf(config: GatewayConfig, more: Partial<PayerOptions> = {}): EvmPayer {
  if (config.payout === undefined) throw new Error('the configuration pays nobody')
  const { signer, rpc } = config.payout
  return new EvmPayer({ signer, rpc, networks: networksOf(config.routes.map(({ chain }) => chain)), withinMs: 2_000, ...more })
}

/** Closed with the test, at the latest. */
export async function openPaying(t: Teardown, wish: Wish | { readonly file: string }, waitMs = 5_000): Promise<Paying> {
  const file = 'file' in wish ? wish.file : payingConfig(temporaryFolder(t), wish)
  const config = await loaded(file)
  const logged: Logged[] = []
  const at =
    (level: Logged['level']) =>
    (fields: object, message: string): void =>
      void logged.push({ level, message, fields })
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const ground = await openGround(config, { log })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= ground.close()
    return closed
  }
  t.teardown(close)
  let sold = 0
  const buyer = `buyer-${systemClock.nowMs()}`
  let funded: Promise<void> | undefined
  return {
    ...{ file, folder: join(file, '..'), ground, logged, payer: payerOf(config), close },
    payouts: ({ payer, options, ...more } = {}) =>
      new Payouts({
        ...{ books: ground.books, desk: ground.admin.payouts, connections: config.connections, clock: ground.clock, chance: ground.chance, log },
        notices: ground.notices,
        ...{ paying: { payer: payer ?? payerOf(config, options), min: config.payout?.min ?? usd('$10') }, waitMs },
        ...more,
      }),
    earn: async (connection, price) => {
      funded ??= fund(ground, '$100000', buyer)
      await funded
      const found = config.connections.find(({ name }) => name === connection)
      if (found === undefined) throw new Error(`there is no ${connection}`)
      sold += 1
      const id = `rc_${sold.toString().padStart(20, '0')}${ground.clock.nowMs()}`
      const chosen = await hold(ground, id, supply(credits(`key:${buyer}`), [found]))
      await ground.store.commit(id, charge(chosen, 1, { price: usd(price) }))
    },
    balances: async (...beginnings) => {
      const all = [...(await ground.books.balances())].filter(([account, amount]) => amount !== 0n && beginnings.some((text) => account.startsWith(text)))
      return Object.fromEntries(all)
    },
  }
}

export const NETWORK = 'eip155:84532'

export interface PayingScene extends Paying {
  readonly chain: Chain
  /** Between the payouts and the chain. */
  readonly node: PlayNode
  readonly signer: Account
  readonly alice: Account
  readonly bob: Account
}

/** A wallet with money (atomic units; $1000 by default) on a chain of its own, and nobody owed anything yet. */
export async function payingScene(t: Teardown, { money = 1_000_000_000n, wallets = true, waitMs = 5_000 } = {}): Promise<PayingScene> {
  const chain = await startChain()
  t.teardown(() => chain.close())
  const node = await startNode(t, chain.rpcUrl)
  const [signer, alice, bob] = chain.accounts as [Account, Account, Account]
  if (money > 0n) await chain.mint(signer.address, money)
  const paying = await openPaying(t, { wallets: wallets ? [alice, bob] : [], signer: signer.privateKey, rpc: node.url }, waitMs)
  return { ...paying, chain, node, signer, alice, bob }
}
