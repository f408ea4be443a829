/**
 * Paid calls and purchases on a real chain, and kill -9 at each of their steps, again and again. Whoever asks again gets what he
 * paid for; afterwards each payment has moved its money once, and chain, books and stored answers agree.
 */

import { setTimeout as after } from 'node:timers/promises'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { type Started, startAtlas } from '../rig/atlas.ts'
import { signedPayment } from '../rig/client.ts'
import type { Misdeed } from '../rig/facilitator.ts'
import { BALANCE, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'
import { reply } from '../rig/provider.ts'
import { randomFrom } from '../rig/random.ts'
import { GOOD_BODY, type Market, NAME, openMarket, PRICE, type ShopConfig, shopConfig } from '../rig/shop.ts'
import type { Teardown } from '../rig/folder.ts'

export interface PaidTorture {
  readonly kills: Readonly<Record<string, number>>
  readonly paid: number
  readonly answered: number
  readonly becameCredit: number
  readonly wrong: readonly string[]
}

const STEPS = ['verify', 'verified', 'provider', 'settle', 'settled', 'soon after'] as const
type Step = (typeof STEPS)[number]
const CALLS = 3
/** What a dead gateway had leased is wasted; the price is as before. */
const PLENTY = { monthly_quota: 10_000_000, base_cost: '$0.05' }
const PURCHASE = 1_000_000n
const ROUND_MS = 60_000

/** One payment, shown until it has an outcome. */
interface Asked {
  readonly url: string
  readonly body: object
  readonly headers: Readonly<Record<string, string>>
  readonly amount: bigint
}
interface Got {
  readonly status: number
  readonly text: string
  readonly replayed: boolean
}

/** All rounds on one chain, one folder. */
class Rounds {
  readonly wrong: string[] = []
  readonly counts: Record<string, number> = {}
  answered = 0
  becameCredit = 0
  payments = 0
  #paid = 0n
  #credit = 0n
  readonly #t: Teardown
  readonly #market: Market
  readonly #folder: string
  readonly #random: () => number

  constructor(t: Teardown, market: Market, random: () => number) {
    this.#t = t
    this.#market = market
    this.#folder = temporaryFolder(t as never)
    this.#random = random
  }

  async round(round: number): Promise<void> {
    const order = round % 2 === 0 ? 'authorization' : 'upfront'
    const step = STEPS[Math.floor(this.#random() * STEPS.length)] as Step
    const where = `round ${round}, ${order}, ${step}`
    this.counts[`${order}, ${step}`] = (this.counts[`${order}, ${step}`] ?? 0) + 1
    const all = await this.#killedAt(step, order)
    const gateway = await this.#start(order)
    for (const asked of all) await this.#settle(gateway, asked, { order, where })
    this.wrong.push(...(await this.#differences(gateway, where)))
    await gateway.stop(this.#random() < 0.5 ? 'SIGKILL' : 'SIGTERM')
  }

  #start(order: string): Promise<Started> {
    const { chain } = this.#market
    const change = (config: ShopConfig): object => withPayment(config, { order, rpc: chain.rpcUrl })
    const config = shopConfig(this.#market, { settleTimeout: '2s', upstreamTimeout: '4s', connection: PLENTY, change })
    return startAtlas(this.#t as never, writeConfig(this.#folder, config))
  }

  /** What was asked when the gateway died. */
  async #killedAt(step: Step, order: string): Promise<readonly Asked[]> {
    const { facilitator, provider } = this.#market
    const gateway = await this.#start(order)
    const all: Asked[] = []
    for (let call = 0; call < CALLS; call++) all.push(await this.#paidFor(gateway, BALANCE, WALLET, PRICE))
    all.push(await this.#paidFor(gateway, '/credits', { amount: '$1' }, PURCHASE))
    const { reached, dead } = this.#stopAt(step)
    const lost = all.map((asked) => send(gateway, asked).catch(() => undefined))
    await Promise.race([reached, Promise.all(lost)])
    await gateway.stop('SIGKILL')
    dead()
    await Promise.all(lost)
    facilitator.misbehave(undefined)
    provider.always(reply(200, GOOD_BODY))
    return all
  }

  /** Whoever shows his payment again gets what he paid for. */
  async #settle(gateway: Started, asked: Asked, { order, where }: { order: string; where: string }): Promise<void> {
    const got = await outcome(gateway, asked)
    this.#paid += asked.amount
    if (got.status === 200 && asked.amount === PRICE) {
      this.answered += 1
      const again = await send(gateway, asked)
      if (!again.replayed || again.text !== got.text || got.text !== JSON.stringify(GOOD_BODY)) this.wrong.push(`${where}: the stored answer is another one`)
    } else if (got.status === 409 && order === 'upfront') {
      this.becameCredit += 1
      this.#credit += PRICE
    } else if (got.status === 200) this.#credit += PURCHASE
    else this.wrong.push(`${where}: ended in ${got.status} ${got.text}`)
  }

  /** A buyer of its own for each payment. */
  async #paidFor(gateway: Started, url: string, body: object, amount: bigint): Promise<Asked> {
    const privateKey = generatePrivateKey()
    await this.#market.chain.mint(privateKeyToAccount(privateKey).address, 10_000_000n)
    const payment = await signedPayment(await offer(gateway.publicUrl + url, body), privateKey)
    this.payments += 1
    const key = `nobody-guesses-${Math.floor(this.#random() * 2 ** 48)}-${this.payments}`
    return { url, body, headers: { [NAME]: payment, 'idempotency-key': key }, amount }
  }

  /** `reached` resolves when some call is at the step; what waits there goes on when the gateway is dead. */
  #stopAt(at: Step): { reached: Promise<void>; dead: () => void } {
    let reach = (): void => undefined
    let dead = (): void => undefined
    const reached = new Promise<void>((resolve) => {
      reach = resolve
    })
    const death = new Promise<void>((resolve) => {
      dead = resolve
    })
    const arrived = (misdeed: Misdeed): Misdeed => {
      reach()
      return misdeed
    }
    this.#market.facilitator.misbehave((path) => {
      if (at === 'verify' && path === '/verify') return arrived({ before: death, work: false })
      if (at === 'verified' && path === '/verify') return arrived({ after: death })
      if (at === 'settle' && path === '/settle') return arrived({ before: death, work: this.#random() < 0.5 })
      if (at === 'settled' && path === '/settle')
        return {
          after: this.#moved()
            .then(reach)
            .then(() => death),
        }
      if (at === 'soon after') setTimeout(reach, this.#random() * 12)
      return undefined
    })
    if (at === 'provider')
      this.#market.provider.always(async (response, seen) => {
        reach()
        await death
        return reply(200, GOOD_BODY)(response, seen)
      })
    return { reached, dead }
  }

  /** The next time that the seller is paid. */
  async #moved(): Promise<void> {
    const { chain, seller } = this.#market
    const before = await chain.balanceOf(seller.address)
    while ((await chain.balanceOf(seller.address)) === before) await after(2)
  }

  async #differences({ adminUrl }: Started, where: string): Promise<string[]> {
    const found: string[] = []
    const moved = await this.#market.chain.balanceOf(this.#market.seller.address)
    if (moved !== this.#paid) found.push(`${where}: the chain moved ${moved}, paid for is ${this.#paid}`)
    const { ok, checks } = (await (await fetch(`${adminUrl}/api/ledger/verify`)).json()) as { ok: boolean; checks: unknown }
    if (!ok) found.push(`${where}: ${JSON.stringify(checks)}`)
    const { total } = (await (await fetch(`${adminUrl}/api/report`)).json()) as { total: { calls_sold: number } }
    if (BigInt(total.calls_sold) * PRICE + this.#credit !== moved)
      found.push(`${where}: ${total.calls_sold} sold and ${this.#credit} of credit are not ${moved}`)
    return found
  }
}

interface Wish {
  readonly kills: number
  readonly untilMs?: number
  readonly seed: number
  readonly say?: (text: string) => void
}

export async function torturePaid(t: Teardown, { kills, untilMs = Number.POSITIVE_INFINITY, seed, say = () => undefined }: Wish): Promise<PaidTorture> {
  const rounds = new Rounds(t, await openMarket(t as never), randomFrom(seed))
  for (let round = 0; round < kills && performance.now() < untilMs; round++) {
    await rounds.round(round)
    const { payments, answered, becameCredit, wrong } = rounds
    if (round % 10 === 9) say(`${round + 1} kills, ${payments} payments, ${answered} answered, ${becameCredit} became credit, ${wrong.length} differences`)
  }
  const { counts, payments, answered, becameCredit, wrong } = rounds
  return { kills: counts, paid: payments, answered, becameCredit, wrong }
}

const posted = (url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })

async function send({ publicUrl }: Started, { url, body, headers }: Asked): Promise<Got> {
  const response = await posted(publicUrl + url, body, headers)
  return { status: response.status, text: await response.text(), replayed: response.headers.get('x-atlas-replayed') === 'true' }
}

/** Asked again until it is neither pending nor unavailable. */
async function outcome(gateway: Started, asked: Asked): Promise<Got> {
  const end = Date.now() + ROUND_MS
  for (;;) {
    const got = await send(gateway, asked)
    if (got.status !== 503 || Date.now() > end) return got
    await after(50)
  }
}

/** Asked again while a machine that is starved answers `unavailable`. */
async function offer(url: string, body: object): Promise<string> {
  const end = Date.now() + ROUND_MS
  for (;;) {
    const response = await posted(url, body)
    const header = response.headers.get('payment-required')
    if (header !== null) return header
    if (Date.now() > end) throw new Error(`no offer: ${response.status} ${await response.text()}`)
    await after(50)
  }
}

const withPayment = ({ plugins, ...config }: ShopConfig, more: object): object => ({
  ...config,
  plugins: plugins.map((plugin) =>
    typeof plugin === 'object' && 'x402-payment' in plugin ? { 'x402-payment': { ...(plugin['x402-payment'] as object), ...more } } : plugin,
  ),
})
