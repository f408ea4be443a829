/** A hook that throws refuses the call and gives everything back; after the end it changes nothing. On real chains and a real store. */

import t, { type Test } from 'tap'
import type { Call, Hooks } from '../../gateway/contract/index.ts'
import { realChain, withHooks } from '../rig/chains.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'

/** Whoever pays gets one call through at a time, and none twice in a minute. */
const CHAIN = realChain({ 'rate-limit': 'per_consumer: 1/minute\nburst: 1' })

const PAYERS = ['nobody', 'credits', 'x402', 'owner'] as const
type Payer = (typeof PAYERS)[number]

/** Under which name each call is known to the store. */
const NAMES: Readonly<Record<Payer, string>> = { nobody: '', credits: 'k:key:k:a-name-of-a-key', x402: 'w:a-name-that-a-wallet-has', owner: '' }

interface Case {
  readonly name: string
  readonly plugin: string
  /** The hooks with one that throws while the switch is on. */
  readonly break: (hooks: Hooks, throws: () => void) => Hooks
  /** Whose calls ask it; the others go on as if nothing were wrong. */
  readonly asks: readonly Payer[]
  readonly code?: string
  /** The provider did its work: its units do not return. */
  readonly wasted?: boolean
}

const fact =
  (name: string): Case['break'] =>
  (hooks, throws) => ({
    ...hooks,
    facts: {
      ...hooks.facts,
      [name]: (call: Call) => {
        throws()
        return (hooks.facts as Record<string, (call: Call) => unknown>)[name]?.(call)
      },
    },
  })

const cases: readonly Case[] = [
  { name: 'the giver of the consumer', plugin: 'auth', break: fact('consumer'), asks: PAYERS },
  { name: 'the giver of the payment', plugin: 'x402-payment', break: fact('payment'), asks: PAYERS },
  { name: 'the giver of the supply', plugin: 'quota-reserve', break: fact('supply'), asks: PAYERS },
  { name: 'the giver of the price', plugin: 'markup-billing', break: fact('price'), asks: PAYERS },
  { name: 'the giver of the offer', plugin: 'x402-payment', break: fact('challenge'), asks: ['nobody'] },
  {
    name: 'the maker of the offer',
    plugin: 'x402-payment',
    break: (hooks, throws) => ({
      ...hooks,
      facts: {
        ...hooks.facts,
        challenge: (call) => (price, error) => {
          throws()
          return hooks.facts?.challenge?.(call)(price, error) as never
        },
      },
    }),
    asks: ['nobody'],
  },
  ...['auth', 'rate-limit', 'quota-reserve'].map((plugin) => ({
    name: `admit of ${plugin}`,
    plugin,
    break: (hooks: Hooks, throws: () => void): Hooks => ({
      ...hooks,
      admit: (call) => {
        throws()
        return hooks.admit?.(call)
      },
    }),
    asks: PAYERS,
  })),
  {
    name: 'admit that is asynchronous and fails',
    plugin: 'rate-limit',
    break: (hooks, throws) => ({
      ...hooks,
      admit: (call) => {
        try {
          throws()
        } catch (error) {
          return Promise.reject(error) as never
        }
        return hooks.admit?.(call)
      },
    }),
    asks: PAYERS,
  },
  {
    name: 'authorize',
    plugin: 'x402-payment',
    break: (hooks, throws) => ({
      ...hooks,
      authorize: (call) => {
        throws()
        return hooks.authorize?.(call) as never
      },
    }),
    asks: ['x402'],
  },
  {
    name: 'the split of the price',
    plugin: 'markup-billing',
    break: (hooks, throws) => ({
      ...hooks,
      facts: {
        price: (call) => {
          const alternatives = hooks.facts?.price?.(call).alternatives ?? []
          const broken = alternatives.map((alternative) => ({
            ...alternative,
            platformShare: (...args: Parameters<typeof alternative.platformShare>) => {
              throws()
              return alternative.platformShare(...args)
            },
          }))
          return { alternatives: broken }
        },
      },
    }),
    asks: ['credits', 'x402'],
    wasted: true,
  },
]

interface World {
  readonly inside: Inside
  readonly headers: Readonly<Record<Payer, Readonly<Record<string, string>>>>
}

async function open(t: Test, { plugin, break: change }: Case, on: () => boolean): Promise<World> {
  const throws = (): void => {
    if (on()) throw new Error('the hook failed, with an inner secret')
  }
  const inside = await openInside(t, { chain: withHooks(CHAIN, plugin, (hooks) => change(hooks, throws)), concurrentPerConsumer: 1 })
  inside.provider.answers = (one) => one.answer(200, '{}')
  const headers = {
    nobody: {},
    credits: { 'idempotency-key': 'a-name-of-a-key', ...(await inside.key('k')) },
    x402: { 'idempotency-key': 'a-name-that-a-wallet-has', ...paymentHeader({ number: 1, nowMs: inside.clock.nowMs() }) },
    owner: await inside.key('o', { role: 'owner', owner: 'alice' }),
  }
  return { inside, headers }
}

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  await inside.flushed()
  return flown
}

/** Everything that a call may take. */
const everything = async ({ admin }: Inside): Promise<Record<'sold' | 'own' | 'wasted' | 'left', number> & { balance: bigint }> => {
  const { sold, own, wasted, left } = await admin.counters('acme')
  return { sold, own, wasted, left, balance: await admin.balance('key:k') }
}

for (const one of cases) {
  t.test(`${one.name} throws: the call is refused, and nothing of it stays`, async (t) => {
    let on = false
    const { inside, headers } = await open(t, one, () => on)
    for (const payer of PAYERS) {
      on = true
      const before = await everything(inside)
      const flown = await call(inside, headers[payer])
      const [answer] = flown.sink.answers
      on = false
      if (!one.asks.includes(payer)) {
        t.equal(answer?.status, payer === 'nobody' ? 402 : 200, `${payer}: not asked, so as ever`)
        continue
      }
      t.equal(answer?.status, 503, `${payer}: refused`)
      t.match(answer?.body, /"code":"unavailable"/)
      t.notMatch(answer?.body, /inner secret/, 'the cause is for the log only')
      t.match(JSON.stringify(inside.logged.at(-1)), /inner secret|must be synchronous/, 'where it stands')
      t.equal(inside.outcomes.get(flown.id)?.length, 1, 'observed once')
      t.equal(inside.records.filter(({ id }) => id === flown.id).length, 1, 'recorded once')
      const wasted = one.wasted === true ? 1 : 0
      t.strictSame(await everything(inside), { ...before, wasted: before.wasted + wasted, left: before.left - wasted }, `${payer}: as before`)
      t.equal((await inside.store.named(NAMES[payer], flown.call.digest)).state, 'absent', `${payer}: no name stays`)
      const again = await call(inside, headers[payer])
      t.equal(again.sink.answers[0]?.status, payer === 'nobody' ? 402 : 200, `${payer}: payment, pace and place are free for the same call again`)
    }
  })
}

t.test('settle throws: the outcome is unknown, and the same call never gets a second 402', async (t) => {
  const chain = withHooks(CHAIN, 'x402-payment', (hooks) => ({
    ...hooks,
    settle: () => {
      throw new Error('the hook failed')
    },
  }))
  const inside = await openInside(t, { chain })
  inside.provider.answers = (one) => one.answer(200, '{}')
  const headers = { 'idempotency-key': 'a-name-that-a-wallet-has', ...paymentHeader({ number: 1, nowMs: inside.clock.nowMs() }) }
  const paid = await call(inside, headers)
  t.match(paid.sink.answers, [{ status: 503, body: /payment_pending/ }])
  t.match(inside.outcomes.get(paid.id), [{ kind: 'unknown', code: 'payment_pending' }])
  t.equal(inside.unknowns.count, 1, 'the reconciler is told')
  t.equal((await inside.store.unknowns()).length, 1)
  for (const again of [headers, { 'idempotency-key': headers['idempotency-key'] }]) {
    const flown = await call(inside, again)
    t.match(flown.sink.answers, [{ status: 503, body: /payment_pending/ }], 'with the payment or with the name alone')
  }
  t.equal(inside.provider.tries.length, 1, 'the provider was asked once')
})
