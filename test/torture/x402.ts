/**
 * Paid calls and purchases on a real chain, and kill -9 at each of their steps, again and again. Whoever asks again gets what he
 * paid for; afterwards each payment has moved its money once, and chain, books and stored answers agree.
 */

import { setTimeout as after } from 'node:timers/promises'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { type Started, startAtlas } from '../rig/atlas.ts'
import type { Account } from '../rig/chain.ts'
import { signedPayment } from '../rig/client.ts'
import type { Misdeed } from '../rig/facilitator.ts'
import { BALANCE, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'
import { reply } from '../rig/provider.ts'
import { randomFrom } from '../rig/random.ts'
import { GOOD_BODY, NAME, openMarket, PRICE, type ShopConfig, shopConfig } from '../rig/shop.ts'
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

export async function torturePaid(
  t: Teardown,
  { kills, seed, say = () => undefined }: { kills: number; seed: number; say?: (text: string) => void },
): Promise<PaidTorture> {
  const random = randomFrom(seed)
  const market = await openMarket(t as never)
  const { chain, facilitator, provider, seller } = market
  const folder = temporaryFolder(t as never)
  const wrong: string[] = []
  const counts: Record<string, number> = {}
  let paid = 0n
  let credit = 0n
  let [answered, becameCredit, payments] = [0, 0, 0]
  const file = (order: string): string =>
    writeConfig(
      folder,
      shopConfig(market, {
        settleTimeout: '2s',
        upstreamTimeout: '4s',
        connection: PLENTY,
        change: (config) => withPayment(config, { order, rpc: chain.rpcUrl }),
      }),
    )

  for (let round = 0; round < kills; round++) {
    const order = round % 2 === 0 ? 'authorization' : 'upfront'
    const step = STEPS[Math.floor(random() * STEPS.length)] as Step
    counts[`${order}, ${step}`] = (counts[`${order}, ${step}`] ?? 0) + 1
    let gateway = await startAtlas(t as never, file(order))
    const all: Asked[] = []
    for (let call = 0; call < CALLS; call++) all.push(await paidFor(gateway, BALANCE, WALLET, PRICE))
    all.push(await paidFor(gateway, '/credits', { amount: '$1' }, PURCHASE))
    payments += all.length
    const { reached, dead } = stopAt(step, random)
    const lost = all.map((asked) => send(gateway, asked).catch(() => undefined))
    await Promise.race([reached, Promise.all(lost)])
    await gateway.stop('SIGKILL')
    dead()
    await Promise.all(lost)
    facilitator.misbehave(undefined)
    provider.always(reply(200, GOOD_BODY))

    gateway = await startAtlas(t as never, file(order))
    for (const asked of all) {
      const got = await outcome(gateway, asked)
      paid += asked.amount
      if (got.status === 200 && asked.amount === PRICE) {
        answered += 1
        const again = await send(gateway, asked)
        if (!again.replayed || again.text !== got.text || got.text !== JSON.stringify(GOOD_BODY))
          wrong.push(`round ${round}, ${step}: the stored answer is another one`)
      } else if (got.status === 409 && order === 'upfront') {
        becameCredit += 1
        credit += PRICE
      } else if (got.status === 200) credit += PURCHASE
      else wrong.push(`round ${round}, ${order}, ${step}: ended in ${got.status} ${got.text}`)
    }
    wrong.push(...(await differences(gateway, `round ${round}, ${order}, ${step}`)))
    await gateway.stop(random() < 0.5 ? 'SIGKILL' : 'SIGTERM')
    if (round % 10 === 9) say(`${round + 1} kills, ${payments} payments, ${answered} answered, ${becameCredit} became credit, ${wrong.length} differences`)
  }
  return { kills: counts, paid: payments, answered, becameCredit, wrong }

  /** A buyer of its own for each payment. */
  async function buyer(): Promise<Account> {
    const privateKey = generatePrivateKey()
    const { address } = privateKeyToAccount(privateKey)
    await chain.mint(address, 10_000_000n)
    return { address, privateKey }
  }

  async function paidFor(gateway: Started, path: string, body: object, amount: bigint): Promise<Asked> {
    const url = gateway.publicUrl + path
    const payment = await signedPayment(await offer(url, body), (await buyer()).privateKey)
    const key = `nobody-guesses-${Math.floor(random() * 2 ** 48)}-${payments}-${path}`
    return { url: path, body, headers: { [NAME]: payment, 'idempotency-key': key }, amount }
  }
  /** Asked again while a machine that is starved answers `unavailable`. */
  async function offer(url: string, body: object): Promise<string> {
    const end = Date.now() + ROUND_MS
    for (;;) {
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      const header = response.headers.get('payment-required')
      if (header !== null) return header
      if (Date.now() > end) throw new Error(`no offer: ${response.status} ${await response.text()}`)
      await after(50)
    }
  }

  async function send({ publicUrl }: Started, { url, body, headers }: Asked): Promise<Got> {
    const response = await fetch(publicUrl + url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
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

  /** `reached` resolves when some call is at the step; what waits there goes on when the gateway is dead. */
  function stopAt(at: Step, random: () => number): { reached: Promise<void>; dead: () => void } {
    let reach = (): void => undefined
    let dead = (): void => undefined
    const reached = new Promise<void>((resolve) => {
      reach = resolve
    })
    const death = new Promise<void>((resolve) => {
      dead = resolve
    })
    const arrived = (misdeed: Misdeed | undefined): Misdeed | undefined => {
      reach()
      return misdeed
    }
    const soon = (): void => void setTimeout(reach, random() * 12)
    facilitator.misbehave((path) => {
      if (at === 'verify' && path === '/verify') return arrived({ before: death, work: false })
      if (at === 'verified' && path === '/verify') return arrived({ after: death })
      if (at === 'settle' && path === '/settle') return arrived({ before: death, work: random() < 0.5 })
      if (at === 'settled' && path === '/settle') return { after: workedOn(reach).then(() => death) }
      if (at === 'soon after') soon()
      return undefined
    })
    if (at === 'provider')
      provider.always(async (response, seen) => {
        reach()
        await death
        return reply(200, GOOD_BODY)(response, seen)
      })
    return { reached, dead }
  }
  /** The work was done when this is asked for: the rig does it before it waits. */
  async function workedOn(reach: () => void): Promise<void> {
    const before = await chain.balanceOf(seller.address)
    while ((await chain.balanceOf(seller.address)) === before) await after(2)
    reach()
  }

  async function differences({ adminUrl }: Started, where: string): Promise<string[]> {
    const found: string[] = []
    const moved = await chain.balanceOf(seller.address)
    if (moved !== paid) found.push(`${where}: the chain moved ${moved}, paid for is ${paid}`)
    const { ok, checks } = (await (await fetch(`${adminUrl}/api/ledger/verify`)).json()) as { ok: boolean; checks: unknown }
    if (!ok) found.push(`${where}: ${JSON.stringify(checks)}`)
    const { total } = (await (await fetch(`${adminUrl}/api/report`)).json()) as { total: { calls_sold: number } }
    if (BigInt(total.calls_sold) * PRICE + credit !== moved) found.push(`${where}: ${total.calls_sold} sold and ${credit} of credit are not ${moved}`)
    return found
  }
}

const withPayment = ({ plugins, ...config }: ShopConfig, more: object): object => ({
  ...config,
  plugins: plugins.map((plugin) =>
    typeof plugin === 'object' && 'x402-payment' in plugin ? { 'x402-payment': { ...(plugin['x402-payment'] as object), ...more } } : plugin,
  ),
})
