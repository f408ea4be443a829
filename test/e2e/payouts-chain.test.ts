/** What the chain does not prove is not believed: whatever the node says, forgets or makes of a payout, it is paid once. */

import t, { type Test } from 'tap'
import { usd } from '#contract'
import type { PayoutRun } from '../../gateway/office/payouts.ts'
import { honest, type Manner } from '../rig/node.ts'
import { NETWORK, type PayingScene, payingScene as scene } from '../rig/paying.ts'

t.test('a node that is gone, slow or talks nonsense loses nothing, whenever it happens', async (t) => {
  const { earn, payouts, chain, alice, ground, node, balances } = await scene(t, { waitMs: 20 })
  const never = (): Promise<string> => new Promise(() => undefined)
  const manners: Readonly<Record<string, () => Promise<string | { status?: number; text: string }>>> = {
    silent: never,
    'no JSON': async () => '<html>',
    'an empty error': async () => ({ status: 502, text: '' }),
    'an error': async () => '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"busy"}}',
    'another type': async () => '{"jsonrpc":"2.0","id":1,"result":[]}',
    gone: async () => Promise.reject(new Error('the connection ends')),
  }
  const methods = [
    'eth_chainId',
    'eth_call',
    'eth_getTransactionCount',
    'eth_estimateGas',
    'eth_getBlockByNumber',
    'eth_getBalance',
    'eth_sendRawTransaction',
    'eth_getTransactionReceipt',
  ]
  let paid = 0n
  for (const bad of methods) {
    await earn('nansen', '$20')
    for (const [name, manner] of Object.entries(manners)) {
      node.manner = ({ method }, forward) => (method === bad ? manner() : forward())
      const run = await payouts({ options: { withinMs: 50 } }).run()
      t.ok(run.problem !== null && !run.problem.includes(node.url), `${bad}, ${name}: ${run.problem}`)
    }
    node.manner = honest
    t.match(await payouts({ waitMs: 5_000 }).run(), { problem: null, payouts: [{ state: 'paid', amount: '18.00' }] }, bad)
    paid += 18_000_000n
    t.equal(await chain.balanceOf(alice.address), paid, bad)
  }
  t.equal(await ground.admin.payouts.count(), methods.length)
  t.strictSame(await balances('liab:owner', 'liab:payout'), {})
})

/** Alice's payout is sent, and waits for a block; the transaction. */
async function waiting(t: Test): Promise<PayingScene & { readonly sent: string; run(): Promise<PayoutRun> }> {
  const rig = await scene(t, { waitMs: 100 })
  await rig.earn('nansen', '$20')
  await rig.chain.automine(false)
  const run = (): Promise<PayoutRun> => rig.payouts().run()
  t.match(await run(), { problem: /is in no block yet/, payouts: [{ state: 'open' }] })
  return { ...rig, run, sent: (await rig.ground.admin.payouts.open())?.transaction ?? 'none' }
}

/** Beyond anvil's `finalized` block. */
const FINAL = 70
const REVERTS = '0x60006000fd'
/** Returns true, and moves nothing. */
const PRETENDS = '0x600160005260206000f3'

const without =
  (method: string, answer: string): Manner =>
  (question, forward) =>
    question.method === method ? forward().then((text) => text.replace(/"result":.*$/s, `${answer}}`)) : forward()

t.test('a transaction that the node has lost is sent again, and no other one', async (t) => {
  const { chain, sent, run, alice, signer } = await waiting(t)
  await chain.rpc('anvil_dropTransaction', [sent])
  t.match(await run(), { payouts: [{ state: 'open', transaction: sent }] })
  await chain.automine(true)
  await chain.mine()
  t.match(await run(), { problem: null, payouts: [{ state: 'paid', transaction: sent }] })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
  t.equal(await chain.rpc('eth_getTransactionCount', [signer.address, 'latest']), '0x1')
})

for (const [what, code] of Object.entries({ 'is reverted': REVERTS, 'takes effect without a transfer': PRETENDS })) {
  t.test(`a payout that ${what} has failed once its block is final, and is paid anew`, async (t) => {
    const { chain, sent, run, alice, balances, ground } = await waiting(t)
    const good = await chain.rpc('eth_getCode', [chain.token, 'latest'])
    await chain.rpc('anvil_setCode', [chain.token, code])
    await chain.mine()
    await chain.rpc('anvil_setCode', [chain.token, good])
    await chain.automine(true)
    t.match(await run(), { problem: /that counts once the block is final; nothing else is paid/, payouts: [{ state: 'open', transaction: sent }] })
    t.strictSame(await balances('liab:'), { ...(await balances('liab:credit')), 'liab:payout:alice': usd('-18') })
    await chain.mine(FINAL)
    t.match(await run(), {
      problem: null,
      payouts: [
        { state: 'failed', transaction: sent, detail: /in block \d+$/ },
        { state: 'paid', amount: '18.00' },
      ],
    })
    t.equal(await chain.balanceOf(alice.address), 18_000_000n)
    t.equal(await ground.admin.payouts.count(), 2)
    t.strictSame(await balances('liab:owner', 'liab:payout', 'asset:wallet'), { [`asset:wallet:${NETWORK}`]: usd('-18') })
  })
}

/** Another transaction of the same wallet takes the place of the payout. */
async function replaced(t: Test): ReturnType<typeof waiting> {
  const rig = await waiting(t)
  await rig.chain.rpc('anvil_dropTransaction', [rig.sent])
  await rig.chain.rpc('eth_sendTransaction', [{ from: rig.signer.address, to: rig.signer.address, value: '0x1', nonce: '0x0' }])
  await rig.chain.mine()
  await rig.chain.automine(true)
  return rig
}

t.test('a payout whose account nonce was used by another transaction has failed when that one is final, and not before', async (t) => {
  const { chain, run, alice, sent } = await replaced(t)
  t.match(await run(), { problem: /transaction number 0 is used in a block that is not final yet/, payouts: [{ state: 'open' }] })
  await chain.mine(FINAL)
  const after = await run()
  t.match(after, {
    problem: null,
    payouts: [
      { state: 'failed', transaction: sent, detail: /^another transaction of the wallet, 0x[0-9a-f]{64}, used its number 0 in block 2$/ },
      { state: 'paid' },
    ],
  })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
})

t.test('a node without old state cannot prove that, and one without `finalized` blocks can', async (t) => {
  const { chain, run, node, alice } = await replaced(t)
  await chain.mine(FINAL)
  node.manner = (question, forward) => {
    const old = question.method === 'eth_getTransactionCount' && /^0x/.test(String(question.params[1]))
    return old ? forward().then((text) => text.replace(/"result":.*$/s, '"error":{"code":-32000,"message":"missing trie node"}}')) : forward()
  }
  t.match(await run(), {
    problem: /does not show by which transaction \(missing trie node\); a node with old state \(archive\) can/,
    payouts: [{ state: 'open' }],
  })
  t.equal(await chain.balanceOf(alice.address), 0n)
  node.manner = (question, forward) =>
    question.params[0] === 'finalized'
      ? forward().then((text) => text.replace(/"result":.*$/s, '"error":{"code":-32602,"message":"unknown block"}}'))
      : forward()
  t.match(await run(), { problem: null, payouts: [{ state: 'failed' }, { state: 'paid' }] })
})

t.test('a payout whose receipt the node has forgotten is never paid again', async (t) => {
  const { chain, run, node, alice, ground } = await waiting(t)
  await chain.mine()
  await chain.automine(true)
  node.manner = without('eth_getTransactionReceipt', '"result":null')
  t.match(await run(), { payouts: [{ state: 'open', detail: /is used in a block that is not final yet/ }] })
  await chain.mine(FINAL)
  t.match(await run(), { payouts: [{ state: 'open', detail: /^it stands in block 2, and the node has no receipt of it/ }] })
  t.equal(await ground.admin.payouts.count(), 1)
  node.manner = honest
  t.match(await run(), { problem: null, payouts: [{ state: 'paid', block: '2' }] })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
})

t.test('a receipt of something else is not taken for this one', async (t) => {
  const { chain, run, node, ground } = await waiting(t)
  await chain.mine()
  for (const lie of [{ transactionHash: `0x${'1'.repeat(64)}` }, { status: true }, { blockNumber: '2' }, { blockNumber: null }]) {
    node.manner = async (question, forward) => {
      const said = JSON.parse(await forward()) as { result: object }
      return JSON.stringify(question.method === 'eth_getTransactionReceipt' ? { ...said, result: { ...said.result, ...lie } } : said)
    }
    t.match(await run(), { payouts: [{ state: 'open' }], problem: /answered eth_getTransactionReceipt with/ }, JSON.stringify(lie))
  }
  t.ok(await ground.admin.payouts.open())
})

t.test('where blocks are taken back now and then, a payout counts when it stands deep enough', async (t) => {
  const { chain, payouts, alice } = await waiting(t)
  const run = (): Promise<PayoutRun> => payouts({ options: { confirmations: 3 } }).run()
  await chain.mine()
  t.match(await run(), { payouts: [{ state: 'open', detail: 'it stands in block 2, with 1 of 3 blocks that make it safe' }] })
  await chain.mine(2)
  t.match(await run(), { problem: null, payouts: [{ state: 'paid', block: '2' }] })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
})

t.test('a payout on another chain than the node’s stays as it is', async (t) => {
  const { chain, run, node, ground } = await waiting(t)
  await chain.mine()
  node.manner = without('eth_chainId', '"result":"0x1"')
  t.match(await run(), { problem: /the payout is on eip155:84532, and payout\.rpc is a node of eip155:1; nothing else is paid/ })
  t.ok(await ground.admin.payouts.open())
})
