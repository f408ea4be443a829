/** A process that pays is killed at each point of a payout: the next one finishes what it left, and the owner is paid exactly once. */

import t from 'tap'
import { usd } from '#contract'
import type { Payer, PayoutRun } from '../../gateway/office/payouts.ts'
import { startChild } from '../rig/child.ts'
import { honest } from '../rig/node.ts'
import { NETWORK, openPaying, payingScene } from '../rig/paying.ts'

/** Killed when the node is asked this; `forwarded`: after the question has reached the chain. */
const points: Readonly<Record<string, { readonly at: string; readonly forwarded: boolean; readonly begun: boolean }>> = {
  'before it is begun': { at: 'eth_getBalance', forwarded: true, begun: false },
  'after it is begun, before anything is asked': { at: 'eth_getTransactionReceipt', forwarded: false, begun: true },
  'before it is sent': { at: 'eth_sendRawTransaction', forwarded: false, begun: true },
  'after it is sent, before the node has answered': { at: 'eth_sendRawTransaction', forwarded: true, begun: true },
  'after its receipt was seen, before that is written': { at: 'eth_blockNumber', forwarded: true, begun: true },
}

for (const [point, { at, forwarded, begun }] of Object.entries(points)) {
  t.test(`killed ${point}`, async (t) => {
    const { file, earn, close, node, chain, alice, signer } = await payingScene(t)
    await earn('nansen', '$20')
    await close()
    const child = startChild(t, 'payout-child.js', [file])
    await new Promise<void>((reached) => {
      node.manner = async ({ method }, forward) => {
        if (method !== at) return forward()
        if (forwarded) await forward()
        node.manner = honest
        reached()
        await child.kill()
        throw new Error('nobody is there to hear it')
      }
    })
    t.equal(await child.ended, 'SIGKILL')
    t.strictSame(child.lines, ['open'], 'nothing was said of the run')

    const next = await openPaying(t, { file })
    const left = await next.ground.admin.payouts.open()
    t.equal(left !== undefined, begun)
    t.match(await next.payouts().run(), {
      problem: null,
      payouts: [{ state: 'paid', amount: '18.00', ...(left === undefined ? {} : { transaction: left.transaction }) }],
    })
    t.strictSame(await next.payouts().run(), { problem: null, payouts: [] })
    t.equal(await chain.balanceOf(alice.address), 18_000_000n)
    t.equal(await chain.rpc('eth_getTransactionCount', [signer.address, 'latest']), '0x1', 'one transaction')
    t.strictSame(await next.balances('liab:owner', 'liab:payout', 'asset:wallet'), { [`asset:wallet:${NETWORK}`]: usd('-18') })
    await next.close()
  })
}

t.test('a payout whose end cannot be written is ended by the next run', async (t) => {
  const { earn, payouts, ground, chain, alice } = await payingScene(t)
  await earn('nansen', '$20')
  const { desk, stop } = { desk: ground.admin.payouts, stop: new Error('the disk is full') }
  const broken = { ...desk, end: () => Promise.reject(stop) }
  await t.rejects(payouts({ desk: broken }).run(), stop)
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
  t.match(await payouts().run(), { problem: null, payouts: [{ state: 'paid' }] })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
})

t.test('a payout whose beginning cannot be written is not sent', async (t) => {
  const { earn, payouts, ground, chain, alice, node } = await payingScene(t)
  await earn('nansen', '$20')
  const broken = { ...ground.admin.payouts, begin: () => Promise.reject(new Error('the disk is full')) }
  await t.rejects(payouts({ desk: broken }).run(), { message: 'the disk is full' })
  t.notOk(node.asked.includes('eth_sendRawTransaction'))
  t.equal(await chain.balanceOf(alice.address), 0n)
})

t.test('what was planned before another run paid it is not begun', async (t) => {
  const { earn, payouts, payer, ground, chain, alice } = await payingScene(t)
  await earn('nansen', '$20')
  let other: Promise<PayoutRun> | undefined
  const late = async <T>(work: () => Promise<T>): Promise<T> => {
    other ??= payouts().run()
    await other
    return work()
  }
  const slow: Payer = {
    ready: () => payer.ready(),
    broadcast: (payout) => payer.broadcast(payout),
    fate: (payout) => payer.fate(payout),
    sign: (from, to, amount) => late(() => payer.sign(from, to, amount)),
  }
  t.strictSame(await payouts({ payer: slow }).run(), { payouts: [], problem: null })
  t.match(await other, { payouts: [{ state: 'paid' }] })
  other = undefined
  await earn('nansen', '$30')
  const desk = { ...ground.admin.payouts, begin: (...args: Parameters<typeof ground.admin.payouts.begin>) => late(() => ground.admin.payouts.begin(...args)) }
  t.strictSame(await payouts({ desk }).run(), { payouts: [], problem: null })
  t.equal(await chain.balanceOf(alice.address), 45_000_000n)
  t.equal(await ground.admin.payouts.count(), 2)
})
