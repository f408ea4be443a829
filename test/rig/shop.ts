/** A gateway that sells for real: a chain, the official facilitator on it, a provider that is told what to answer, and a buyer with money. */

import { type Account, type Chain, startChain } from './chain.ts'
import { decodeHeader, encodeHeader, type Overrides, type PaymentJson, signedPayload, signedPayment } from './client.ts'
import { type RigFacilitator, startFacilitator } from './facilitator.ts'
import { type Answer, BALANCE, OPEN_RATE, openGateway, type Rig, type RigOptions, sandbox, type Teardown, WALLET } from './gateway.ts'
import { type Provider, reply, startProvider } from './provider.ts'

/** What a call costs in the configuration below: $500 / 10,000 × 3, in atomic units of USDC. */
export const PRICE = 150_000n
export const NAME = 'PAYMENT-SIGNATURE'
/** What the provider answers unless a test says otherwise. */
export const GOOD_BODY = { data: [{ chain: 'ethereum', token_symbol: 'ETH', token_amount: 240.5 }] }
const GOOD = reply(200, GOOD_BODY)
/** Another operation of the same price and body. */
export const RELATED = '/nansen/profiler/address/related-wallets'

export interface Market {
  readonly chain: Chain
  readonly facilitator: RigFacilitator
  readonly provider: Provider
  /** Has $100 in the beginning. */
  readonly buyer: Account
  readonly seller: Account
  /** Has nothing. */
  readonly poor: Account
}

/** Everything outside the gateway. */
export async function openMarket(t: Teardown): Promise<Market> {
  const chain = await startChain()
  t.teardown(() => chain.close())
  const facilitator = await startFacilitator(chain)
  t.teardown(() => facilitator.close())
  const provider = await startProvider(t)
  provider.always(GOOD)
  const [buyer, seller, poor] = chain.accounts as [Account, Account, Account]
  await chain.mint(buyer.address, 100_000_000n)
  return { chain, facilitator, provider, buyer, seller, poor }
}

export interface ShopWish {
  readonly facilitator?: string | readonly string[]
  readonly settleTimeout?: string
  readonly upstreamTimeout?: string
  readonly rate?: object
  readonly connection?: object
  /** The last word on the configuration. */
  readonly change?: (config: ShopConfig) => object
}

export interface ShopConfig {
  readonly api_connections: readonly object[]
  readonly plugins: readonly (string | object)[]
}

/** One connection to the provider, paid at the facilitator; other settings of the connection or the chain where a test wants them. */
export function shopConfig({ facilitator, provider, seller }: Pick<Market, 'facilitator' | 'provider' | 'seller'>, wish: ShopWish = {}): object {
  const { settleTimeout = '3s', upstreamTimeout = '3s', rate = OPEN_RATE, connection = {}, change = (config) => config } = wish
  const payment = { network: 'base-sepolia', facilitator: wish.facilitator ?? facilitator.url, pay_to: seller.address, settle_timeout: settleTimeout }
  const config = sandbox({
    upstream: { allow_private: true, timeout: upstreamTimeout },
    api_connections: [
      { name: 'nansen', base_url: provider.url, api_key: 'owners-key', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed', ...connection },
    ],
    plugins: ['auth', 'abuse-detect', rate, { 'markup-billing': { platform_share: '10%' } }, { 'x402-payment': payment }, 'quota-reserve'],
  })
  return change(config as ShopConfig)
}

/** Requests, by whom they reached. */
export interface Asking {
  readonly verify: number
  readonly settle: number
  readonly provider: number
}

export interface Shop extends Market {
  readonly rig: Rig
  /** The 402 for a call without payment. */
  quote(path?: string): Promise<Answer>
  /** A fresh payment for a call, signed as the official client does it. */
  payment(overrides?: Overrides, from?: Account): Promise<string>
  payload(overrides?: Overrides, from?: Account): Promise<PaymentJson>
  /** The call, with this payment header or unpaid. */
  buy(payment?: string, more?: { path?: string; headers?: Record<string, string>; body?: object; signal?: AbortSignal }): Promise<Answer>
  /** Atomic units that the buyer lost and the seller got while `work` was done. */
  moved(work: () => Promise<unknown>): Promise<[bigint, bigint]>
  /** How often the facilitator was asked to settle this payment. */
  settlesOf(payment: string): number
  /** What the facilitator and the provider were asked while `work` was done. */
  asked(work: () => Promise<unknown>): Promise<Asking>
}

export async function openShop(t: Teardown, market: Market, wish: ShopWish = {}, options: RigOptions = {}): Promise<Shop> {
  const rig = await openGateway(t, shopConfig(market, wish), options)
  return { ...market, rig, ...toolsOf(market, rig) }
}

function toolsOf({ chain, facilitator, provider, buyer, seller }: Market, rig: Rig): Omit<Shop, keyof Market | 'rig'> {
  const buy: Shop['buy'] = (payment, { path = BALANCE, headers = {}, body = WALLET, signal } = {}) =>
    rig.call('POST', path, {
      body,
      headers: { ...(payment === undefined ? {} : { [NAME]: payment }), ...headers },
      ...(signal === undefined ? {} : { signal }),
    })
  const quote: Shop['quote'] = (path = BALANCE) => buy(undefined, { path })
  const counts = () => ({ verify: facilitator.verifyCount, settle: facilitator.settleCount, provider: provider.seen.length })
  const offer = async (): Promise<string> => (await quote()).headers['payment-required'] as string
  return {
    buy,
    quote,
    payment: async (overrides = {}, from = buyer) => signedPayment(await offer(), from.privateKey, overrides),
    payload: async (overrides = {}, from = buyer) => signedPayload(await offer(), from.privateKey, overrides),
    moved: async (work) => {
      const before = [await chain.balanceOf(buyer.address), await chain.balanceOf(seller.address)] as const
      await work()
      return [before[0] - (await chain.balanceOf(buyer.address)), (await chain.balanceOf(seller.address)) - before[1]]
    },
    settlesOf: (payment) => facilitator.requests.filter(({ path, body }) => path === '/settle' && nonceOf(body.paymentPayload) === nonceOf(payment)).length,
    asked: async (work) => {
      const before = counts()
      await work()
      const after = counts()
      return { verify: after.verify - before.verify, settle: after.settle - before.settle, provider: after.provider - before.provider }
    },
  }
}

/** Of a payment, in its header or decoded. */
export function nonceOf(payment: unknown): string {
  const json = (typeof payment === 'string' ? decodeHeader(payment) : payment) as PaymentJson
  return json.payload.authorization.nonce
}

/** The same payment in other bytes: another order of its members. */
export function inOtherBytes(header: string): string {
  const members = Object.entries(decodeHeader(header) as object)
  return encodeHeader(Object.fromEntries(members.reverse()))
}
