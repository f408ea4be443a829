/**
 * A thousand consumers of a real gateway, through a proxy that says who they are, three minutes on a moved clock: twenty abusers
 * in each of the six ways are all found within the stated number of calls, and the honest ones go their way.
 */

import { connect } from 'node:net'
import t from 'tap'
import { addressSubject } from '#contract'
import { abuser, type Given, HELD, honestCrowd, type Plan, STATED, STEP_MS, STEPS, type Way } from '../rig/consumers.ts'
import { signedPayment } from '../rig/client.ts'
import type { Hex } from '../rig/compile.ts'
import { openGateway, type Rig, sandbox } from '../rig/gateway.ts'
import { paymentHeader } from '../rig/payments.ts'
import { type Piped, Pipes, written } from '../rig/pipes.ts'
import { customConnection, hang, OK, type Seen, startProvider, UPSTREAM } from '../rig/provider.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { ScriptedClock } from '../rig/scripted.ts'

/** Twenty in each of the six ways; where a way has two forms, ten in each. */
const ABUSERS: readonly (readonly [Way, number])[] = [
  ['key-guessing', 20],
  ['unpaid-probing', 20],
  ['error-farming', 20],
  ['scan for paths', 10],
  ['walk through numbers', 10],
  ['abandoned', 20],
  ['garbage for payments', 10],
  ['forged payments', 10],
]

const AT_ONCE = 16
const PAY_TO = '0x209693bc6afc0c5328ba36faf03c514ef312287c'

interface Market {
  readonly rig: Rig
  readonly pipes: Pipes
  /** The next call that the provider holds. */
  held(): Promise<Seen>
  readonly clock: ScriptedClock
  readonly random: () => number
}

async function open(): Promise<Market> {
  const random = randomFrom(seedOf(t))
  const provider = await startProvider(t)
  let holds = (_: Seen): void => undefined
  provider.always((response, seen) => {
    if (!seen.url.includes('/held')) return OK(response, seen)
    holds(seen)
    return hang(response, seen)
  })
  const held = (): Promise<Seen> =>
    new Promise((resolve) => {
      holds = resolve
    })
  const operations = [
    { id: 'search', method: 'GET', path: '/search', query: ['q', 'limit'], resale: 'allowed' },
    { id: 'held', method: 'GET', path: '/held', resale: 'allowed' },
  ]
  const acme = customConnection(provider.url, { operations, monthly_quota: 1_000_000, reserved: 0 })
  const plugins = ['auth', 'abuse-detect', 'rate-limit', 'markup-billing', { 'x402-payment': { pay_to: PAY_TO } }, 'quota-reserve']
  // It ends with the real one, by which wallets sign.
  const clock = new ScriptedClock(Date.now() - STEPS * STEP_MS)
  const upstream = { ...UPSTREAM, timeout: '20s' }
  const rig = await openGateway(t, sandbox({ trusted_proxies: ['127.0.0.1'], upstream, api_connections: [acme], plugins }), { clock })
  return { rig, pipes: await Pipes.open(t, rig.publicUrl, 24), held, clock, random }
}

/** A request whose client is gone once the provider has it; 0: it was refused before. */
async function leave({ rig, held }: Market, { address }: Plan, key: string): Promise<number> {
  const { hostname, port } = new URL(rig.publicUrl)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  socket.on('error', () => undefined)
  const answered = new Promise<undefined>((resolve) => socket.once('data', () => resolve(undefined)))
  const atProvider = held()
  socket.write(written({ path: HELD, headers: { 'x-forwarded-for': address, authorization: `Bearer ${key}` } }))
  const seen = await Promise.race([atProvider, answered])
  socket.destroy()
  await seen?.gone
  return seen === undefined ? 0 : 1
}

const standsAgainst = ({ rig }: Market, { address, keyId }: Plan): boolean => {
  const { meters } = rig.gateway.ground
  return [addressSubject(address), `key:${keyId}`].some((subject) => meters.standing(subject) !== undefined)
}

/** All of them, in an order by chance, so many at once as a gateway of one process has under way. */
async function side(plans: readonly Plan[], act: (plan: Plan) => Promise<void>, random: () => number): Promise<void> {
  const waiting = plans.map((plan) => ({ plan, turn: random() })).sort((a, b) => a.turn - b.turn)
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await act(next.plan)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** What abuse-detect answers, told from the pace of rate-limit. */
const isTurnedAway = ({ status, body }: Piped): boolean => status === 403 || (status === 429 && body.includes('malformed, unpaid or abandoned'))

class Crowd {
  readonly market: Market
  readonly keys = new Map<string, string>()
  /** Calls until found, by abuser. */
  readonly found = new Map<Plan, number>()
  readonly sent = new Map<Plan, number>()
  readonly turnedAway = new Map<Plan, number>()
  /** Refused for want of room or by a slow disk: no call, but the score has faded a little by the next one. */
  readonly refused = new Map<Plan, number>()
  answers = 0
  /** Of honest ones. */
  readonly statuses: Record<number, number> = {}

  constructor(market: Market) {
    this.market = market
  }

  get given(): Given {
    const key: Given['key'] = async (credits) => {
      const made = await this.market.rig.key({ credits })
      this.keys.set(made.id, made.key)
      return made
    }
    return { random: this.market.random, key }
  }

  /** One step of somebody. An abuser goes on until he is found. */
  async act(plan: Plan, step: number): Promise<void> {
    const requests = plan.sends(step)
    // One after the other where each may be the one that is found: they are few.
    const batches = plan.kind === 'walk through numbers' ? requests.map((one) => [one]) : requests.length === 0 ? [] : [requests]
    for (const batch of batches) await this.#ask(plan, batch, step)
    // Left calls are told apart by the order in which they reach the provider.
    for (let count = plan.leaves?.(step) ?? 0; count > 0; count -= 1) {
      const left = this.#leaving.then(() => leave(this.market, plan, this.keys.get(plan.keyId ?? '') ?? ''))
      this.#leaving = left
      this.#count(plan, await left)
    }
  }

  #leaving: Promise<unknown> = Promise.resolve()

  async #ask(plan: Plan, batch: ReturnType<Plan['sends']>, step: number): Promise<void> {
    const answers = [...(await this.market.pipes.ask(batch))]
    if (plan.pays?.steps.includes(step)) answers.push(...(await this.#pay(plan, answers[0] as Piped, batch[0] as (typeof batch)[number])))
    this.answers += answers.length
    if (!Object.hasOwn(STATED, plan.kind)) for (const { status } of answers) this.statuses[status] = (this.statuses[status] ?? 0) + 1
    const turned = answers.filter(isTurnedAway).length
    if (turned > 0) this.turnedAway.set(plan, (this.turnedAway.get(plan) ?? 0) + turned)
    const refused = answers.filter((one) => (one.status === 503 || one.status === 429) && !isTurnedAway(one)).length
    if (refused > 0) this.refused.set(plan, (this.refused.get(plan) ?? 0) + refused)
    this.#count(plan, answers.length - refused)
  }

  async #pay({ pays }: Plan, { head }: Piped, request: ReturnType<Plan['sends']>[number]): Promise<readonly Piped[]> {
    const offer = /payment-required: (\S+)/i.exec(head)?.[1] ?? ''
    const payment = await signedPayment(offer, pays?.privateKey as Hex)
    return this.market.pipes.ask([{ ...request, headers: { ...request.headers, 'payment-signature': payment } }])
  }

  #count(plan: Plan, calls: number): void {
    const sent = (this.sent.get(plan) ?? 0) + calls
    this.sent.set(plan, sent)
    if (!this.found.has(plan) && standsAgainst(this.market, plan)) this.found.set(plan, sent)
  }
}

t.test('of 1,000 consumers all 120 abusers are found within the stated number of calls, and at most one honest one is throttled', async (t) => {
  const market = await open()
  const crowd = new Crowd(market)
  const forged = (number: number): string => paymentHeader({ number, micros: 20_000n, nowMs: market.clock.nowMs() })['payment-signature'] as string
  const names = ABUSERS.flatMap(([way, count]) => Array.from({ length: count }, () => way))
  const abusers = await Promise.all(names.map((way, index) => abuser(way, index, `203.0.113.${index}`, crowd.given, forged)))
  const honest = await honestCrowd(crowd.given, (index) => `0x${(index + 1).toString(16).padStart(64, '0')}`)
  t.equal(abusers.length + honest.length, 1_000)
  for (let step = 0; step < STEPS; step += 1) {
    const acting = [...honest, ...abusers.filter((plan) => !crowd.found.has(plan))]
    await side(acting, (plan) => crowd.act(plan, step), market.random)
    market.clock.pass(STEP_MS)
  }
  for (const [way, stated] of Object.entries(STATED)) {
    const calls = abusers.filter(({ kind }) => kind === way).map((plan) => (crowd.found.get(plan) ?? Number.POSITIVE_INFINITY) - (crowd.refused.get(plan) ?? 0))
    t.ok(Math.max(...calls) <= stated, `${way}: ${calls.length} abusers found after at most ${Math.max(...calls)} calls, stated ${stated}`)
  }
  const throttled = honest.filter((plan) => crowd.found.has(plan) || crowd.turnedAway.has(plan))
  t.ok(throttled.length <= 1, `${throttled.length} of ${honest.length} honest ones throttled: ${throttled.map(({ kind }) => kind)}`)
  t.comment(`${crowd.answers} answers, of which to honest ones ${JSON.stringify(crowd.statuses)}`)
  t.strictSame([crowd.statuses[403], crowd.statuses[429]], [undefined, undefined])
  const { suspects } = (await market.rig.office.abuse.list()) as { suspects: readonly { who: string; abuse: object }[] }
  t.comment(`atlas abuse list shows ${suspects.length} at the end`)
})
