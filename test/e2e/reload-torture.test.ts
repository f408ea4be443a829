/** Thousands of calls while the configuration changes again and again, half of the times to one that is bad: each call, and each page, is of one generation. */

import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { monthOf, parseUsd, type Usd, usd } from '../../gateway/contract/index.ts'
import { payingFetch } from '../rig/client.ts'
import { type Answer, BALANCE, bearer, OPEN_RATE, openGateway, type Rig, sandbox, until, WALLET } from '../rig/gateway.ts'
import { type Provider, reply, startProvider } from '../rig/provider.ts'
import { randomFrom, seedOf } from '../rig/random.ts'

const CALLS = 2_000
const AT_ONCE = 40
const WALLET_CALLS = 60
const RELOADS = 50
const CREDITS = '$1000'
const PAY_TO = ['0x209693Bc6afc0C5328bA36FaF03C514EF312287C', '0x90F79bf6EB2c4f870365E785982E1f101E93b906']

/** What a generation is known by: everything about it that shows in a call. */
interface Sort {
  readonly markup: number
  /** Of 100. */
  readonly share: number
  readonly owner: string
  readonly payTo: string
}

const priceOf = ({ markup }: Sort): Usd => usd(`$${(0.05 * markup).toFixed(2)}`)

function textOf({ markup, share, owner, payTo }: Sort, { url }: Pick<Provider, 'url'>, number: number): string {
  const nansen = { name: 'nansen', base_url: url, api_key: `key-of-${owner}`, monthly_quota: 100_000, reserved: 0, markup: `${markup}x`, owner }
  const acme = { name: 'acme', adapter: 'custom', base_url: url, api_key: 'key-of-acme', monthly_quota: 100, reserved: 0, base_cost: '$0.05' }
  const config = sandbox({
    upstream: { allow_private: true, timeout: '20s' },
    api_connections: [
      { ...nansen, base_cost: '$0.05', subscription_cost: '$500', resale_terms: 'confirmed' },
      { ...acme, credential: { in: 'header', name: 'X-Key' }, markup: `${markup}x`, operations: [{ id: 'x', method: 'GET', path: '/x', resale: 'allowed' }] },
    ],
    plugins: [
      ...['auth', 'abuse-detect', OPEN_RATE, { 'markup-billing': { platform_share: `${share}%` } }],
      ...[{ 'x402-payment': { facilitator: 'sandbox', pay_to: payTo } }, 'quota-reserve'],
    ],
    limits: { concurrent_per_consumer: 1000 },
  })
  return `${JSON.stringify(config, null, 2)}\n# ${number}\n`
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Ways in which a file is bad, none of which a gateway may be left half changed by. */
const spoiled: readonly ((text: string) => string)[] = [
  (text) => text.replace('"reserved": 0', '"reserved": 1000000'),
  (text) => text.replace(/"markup": "\d+x"/, '"markup": "0.5x"'),
  (text) => text.slice(0, text.length / 2),
  (text) => text.replace('"listen": "127.0.0.1:0"', '"listen": "127.0.0.2:0"'),
  (text) => text.replace('"auth"', '"author"'),
  (text) => text.replace('"plugins"', '"plugin"'),
  (text) => text.replace('"network": "base-sepolia"', '"network": "nowhere"').replace('"facilitator": "sandbox"', '"facilitator": "ftp://nowhere"'),
]

class World {
  readonly rig: Rig
  readonly key: string
  readonly provider: Provider
  readonly random: () => number
  /** Digest of a good text -> what it is known by. */
  readonly sorts = new Map<string, Sort>()
  /** Answers of charged calls, by the address that was asked for. */
  readonly charged = new Map<string, Answer>()
  readonly others: Answer[] = []
  #texts = 0
  #calls = 0

  constructor(rig: Rig, key: string, provider: Provider, random: () => number) {
    this.rig = rig
    this.key = key
    this.provider = provider
    this.random = random
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)] as T
  }

  good(): string {
    this.#texts += 1
    const sort = { markup: this.pick([2, 3, 4, 5, 6]), share: this.pick([5, 10, 20]), owner: this.pick(['alice', 'bob']), payTo: this.pick(PAY_TO) }
    const text = textOf(sort, this.provider, this.#texts)
    this.sorts.set(digestOf(text), sort)
    return text
  }

  /** Nobody walks through them one by one. */
  address(): string {
    this.#calls += 1
    return `0x${digestOf(String(this.#calls)).slice(0, 40)}`
  }

  /** A machine that stands still refuses for a moment; nothing is charged then, and the call is sent again. */
  async call(): Promise<void> {
    for (;;) {
      const address = this.address()
      const answer = await this.rig.call('POST', BALANCE, { headers: bearer(this.key), body: { ...WALLET, address } })
      if (answer.status === 200) return void this.charged.set(address, answer)
      this.others.push(answer)
      if (answer.status !== 503) throw new Error(`${answer.status}: ${answer.text}`)
    }
  }

  async pay(by: typeof fetch): Promise<void> {
    for (;;) {
      const address = this.address()
      const body = JSON.stringify({ ...WALLET, address })
      const answer = await by(this.rig.publicUrl + BALANCE, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const text = await answer.text()
      const headers = Object.fromEntries(answer.headers)
      if (answer.status === 200) return void this.charged.set(address, { status: 200, headers, text, json: {} })
      this.others.push({ status: answer.status, headers, text, json: {} })
      if (answer.status !== 503) throw new Error(`${answer.status}: ${text}`)
    }
  }
}

async function openWorld(t: Test): Promise<World> {
  const random = randomFrom(seedOf(t))
  const provider = await startProvider(t)
  const good = reply(200, { data: [{ chain: 'ethereum', token_symbol: 'ETH', token_amount: 1 }] })
  // So that calls of several generations are under way at once.
  provider.always((response, seen) => setTimeout(() => good(response, seen), random() * 40))
  const first: Sort = { markup: 3, share: 10, owner: 'alice', payTo: PAY_TO[0] as string }
  const text = textOf(first, provider, 0)
  const rig = await openGateway(t, text)
  const { key } = await rig.key({ credits: CREDITS })
  const world = new World(rig, key, provider, random)
  world.sorts.set(digestOf(text), first)
  return world
}

/** So many at once until all are done. */
async function crowd(count: number, atOnce: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await work(next)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

/** A reload for each so many calls, half of them to a bad file. */
async function reloads(t: Test, world: World, done: () => number): Promise<void> {
  const bad = Array.from({ length: RELOADS }, (_, at) => at % 2 === 0).sort(() => world.random() - 0.5)
  for (const [at, isBad] of bad.entries()) {
    await until('more calls', () => done() >= (CALLS / RELOADS) * at * 0.9, 120_000)
    const before = world.rig.gateway.engine.generation
    const text = isBad ? world.pick(spoiled)(world.good()) : world.good()
    const reloaded = await world.rig.reload(text)
    if (reloaded.taken === isBad) t.fail(`reload ${at} was ${reloaded.taken ? 'taken' : `refused: ${reloaded.problems.join('; ')}`}`)
    if (isBad && world.rig.gateway.engine.generation !== before) t.fail('a bad file changed what serves')
  }
}

/** Every page that shows several prices shows those of one generation. */
async function looked(t: Test, { rig }: World): Promise<void> {
  const { apis } = (await rig.call('GET', '/catalog')).json as { apis: { name: string; operations: { id: string; price: string }[] }[] }
  const price = (name: string, id: string): string | undefined =>
    apis.find((api) => api.name === name)?.operations.find((operation) => operation.id === id)?.price
  if (price('acme', 'x') !== price('nansen', 'profiler-address-current-balance')) t.fail('a page is made of two generations')
}

async function checked(t: Test, { rig, charged, sorts, provider }: World): Promise<void> {
  const keys = new Map(provider.seen.map(({ body, headers }) => [JSON.parse(body).address as string, headers.apikey]))
  const generations = new Set<number>()
  for (const [address, { headers }] of charged) {
    const row = await rig.gateway.ground.books.charged(headers['x-atlas-receipt'] ?? '')
    const sort = sorts.get(row?.config ?? '')
    if (row === undefined || sort === undefined) throw new Error(`${headers['x-atlas-receipt']} is not in the books`)
    generations.add(row.generation)
    const price = parseUsd(headers['x-atlas-price'] ?? '')
    const wanted = { price, owner: sort.owner, platformShare: ((row.price * BigInt(sort.share)) / 100n) as Usd, key: `key-of-${sort.owner}` }
    const found = { price: row.price, owner: row.owner, platformShare: row.platformShare, key: keys.get(address) }
    const isPriced = row.by === 'x402' ? row.price >= priceOf(sort) : row.price === priceOf(sort)
    if (!isPriced || JSON.stringify(found, shown) !== JSON.stringify(wanted, shown)) t.strictSame(found, { ...wanted, of: sort })
  }
  t.comment(`${charged.size} charged calls of ${generations.size} generations`)
  t.ok(generations.size > RELOADS / 4, 'calls of many generations')
}

const shown = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

t.test('no call is dropped, mixed or charged twice while the configuration changes, and the books are exact', async (t) => {
  const world = await openWorld(t)
  const { rig, charged, others } = world
  const wallets = Array.from({ length: 6 }, () => payingFetch({ privateKey: generatePrivateKey() }))
  await Promise.all([
    crowd(CALLS, AT_ONCE, async (at) => {
      await world.call()
      if (at % 25 === 0) await looked(t, world)
    }),
    crowd(WALLET_CALLS, wallets.length, (at) => world.pay(wallets[at % wallets.length] as typeof fetch)),
    reloads(t, world, () => charged.size),
  ])
  t.equal(charged.size, CALLS + WALLET_CALLS)
  t.comment(`${others.length} calls were sent again: ${[...new Set(others.map(({ text }) => text))].slice(0, 3).join(' ')}`)
  await checked(t, world)
  const { total } = await rig.office.report(monthOf(Date.now()), undefined)
  // A disk that stands still: the charge may stand although its call was refused, and becomes credit then.
  const undelivered = others.filter(({ text }) => text.includes('could not be written')).length
  const more = Number(total.calls_sold) - charged.size
  t.ok(more >= 0 && more <= undelivered, `no charge more, no charge less: ${more} of ${undelivered} that were not delivered`)
  const sumOf = (of: readonly Answer[]): bigint => of.reduce((all, { headers }) => all + (parseUsd(headers['x-atlas-price'] ?? '') ?? 0n), 0n)
  if (undelivered === 0) t.equal(usd(`$${total.revenue}`), sumOf([...charged.values()]))
  const byCredits = [...charged.values()].filter(({ headers }) => headers['payment-response'] === undefined)
  const balance = async (): Promise<bigint> =>
    usd(`$${((await rig.call('GET', '/credits', { headers: bearer(world.key) })).json as { balance: string }).balance}`)
  await until('the balance is what is left', async () => (await balance()) === usd(CREDITS) - sumOf(byCredits))
  const { ok, checks } = await rig.office.verify()
  t.ok(ok, checks.flatMap((check) => (check.ok ? [] : check.detail)).join('; '))
})
