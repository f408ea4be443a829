/** Hooks that answer with what no type allows, and hooks after the end that fail: nothing gets through, and nothing else ends. */

import t from 'tap'
import type { Hooks } from '../../gateway/contract/index.ts'
import { realChain, withHooks } from '../rig/chains.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'

const CHAIN = realChain()

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

t.test('a hook that answers with nonsense lets nothing through and ends nothing else', async (t) => {
  const nonsense: readonly [string, (hooks: Hooks) => Hooks, expected: RegExp][] = [
    ['x402-payment', (hooks) => ({ ...hooks, authorize: async () => true as never }), /"code":"unavailable"/],
    ['x402-payment', (hooks) => ({ ...hooks, authorize: async () => ({ code: 'teapot', detail: 'x' }) as never }), /"code":"unavailable"/],
    ['x402-payment', (hooks) => ({ ...hooks, settle: async () => undefined as never }), /"code":"payment_pending"/],
    ['x402-payment', (hooks) => ({ ...hooks, settle: async () => ({ state: 'done' }) as never }), /"code":"payment_pending"/],
    ['auth', (hooks) => ({ ...hooks, admit: () => ({ code: 'teapot', detail: 'x' }) as never }), /"code":"unavailable"/],
    ['auth', (hooks) => ({ ...hooks, admit: () => true as never }), /"code":"unavailable"/],
    ['auth', (hooks) => ({ ...hooks, facts: { consumer: () => undefined as never } }), /"code":"unavailable"/],
    ...[-1n, 150_001n].map((share): [string, (hooks: Hooks) => Hooks, RegExp] => [
      'markup-billing',
      (hooks) => ({
        facts: {
          price: (call) => ({
            alternatives: (hooks.facts?.price?.(call).alternatives ?? []).map((one) => ({ ...one, platformShare: () => share as never })),
          }),
        },
      }),
      /"code":"unavailable"/,
    ]),
  ]
  for (const [plugin, change, expected] of nonsense) {
    const inside = await openInside(t, { chain: withHooks(CHAIN, plugin, change) })
    inside.provider.answers = (one) => one.answer(200, '{"a":1}')
    const flown = await call(inside, paymentHeader({ number: 1, nowMs: inside.clock.nowMs() }))
    t.match(flown.sink.answers, [{ body: expected }], `${plugin}: ${change}`)
    t.equal(inside.outcomes.get(flown.id)?.length, 1)
  }
})

t.test('observe that throws, or is asynchronous and fails, changes nothing', async (t) => {
  const failing: readonly NonNullable<Hooks['observe']>[] = [
    () => {
      throw new Error('the hook failed')
    },
    () => Promise.reject(new Error('the hook failed later')) as never,
  ]
  for (const observe of failing) {
    const inside = await openInside(t, { chain: withHooks(CHAIN, 'auth', (hooks) => ({ ...hooks, observe })) })
    inside.provider.answers = (one) => one.answer(200, '{}')
    const flown = await call(inside, await inside.key('k'))
    t.equal(flown.sink.answers[0]?.status, 200)
    t.equal(inside.outcomes.get(flown.id)?.length, 1, 'the others observe')
    t.match(inside.logged, [{ level: 'error', message: 'a plugin failed to observe a call' }])
  }
})

t.test('close that throws keeps no other plugin from closing', async (t) => {
  const closed: string[] = []
  const chain = ['auth', 'rate-limit', 'quota-reserve'].reduce(
    (links, plugin) =>
      withHooks(links, plugin, (hooks) => ({
        ...hooks,
        close: () => {
          closed.push(plugin)
          throw new Error('the hook failed')
        },
      })),
    CHAIN,
  )
  const inside = await openInside(t, { chain })
  await inside.generation.close()
  t.strictSame(closed, ['auth', 'rate-limit', 'quota-reserve'])
})
