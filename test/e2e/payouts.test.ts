/** Owners are paid on a real chain what the books owe them, once and to the micro-dollar, and told why where they are not. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { type Notice, usd } from '#contract'
import type { PayoutRun, Payouts } from '../../gateway/office/payouts.ts'
import { PayoutSchedule } from '../../gateway/office/schedule.ts'
import { until } from '../rig/gateway.ts'
import { honest } from '../rig/node.ts'
import { NETWORK, payingScene as scene } from '../rig/paying.ts'

const WALLET = `asset:wallet:${NETWORK}`

const owner = async (payouts: Payouts, name: string): Promise<Record<string, unknown>> => {
  const { owners } = (await payouts.plan()) as { owners: Record<string, unknown>[] }
  return owners.find((row) => row.owner === name) ?? {}
}

t.test('the plan says what each owner is owed and why, and a run pays exactly that', async (t) => {
  const { earn, payouts, chain, alice, bob, balances, ground, node, signer } = await scene(t)
  await earn('nansen', '$12.345678')
  await earn('nansen', '$7.000001')
  await earn('nansen-2', '$5')
  await ground.store.refund({
    ...{ receipt: 'rc_broken', connection: 'nansen', owner: 'alice', account: 'key:x', price: usd('$1'), platformShare: usd('$0.1') },
  })
  const correction = [
    { account: 'liab:owner:alice', amount: usd('-0.5') },
    { account: 'rev:platform', amount: usd('0.5') },
  ]
  await ground.admin.correct({ id: 'set-right', reason: 'a mistake', postings: correction })
  const told: Notice[] = []
  const office = payouts({ notices: { tell: (notice) => void told.push(notice) } })
  // 12.345678 − 1.234567 + 7.000001 − 0.7 − 0.9 + 0.5
  const owed = { owner: 'alice', owed: '17.011112', earned: '17.411112', refunded: '0.90', corrected: '0.50', paid: '0.00', in_transit: '0.00' }
  t.match(await owner(office, 'alice'), { ...owed, wallet: alice.address, payable: true })
  t.match(await owner(office, 'bob'), { owed: '4.50', payable: false, why: 'below payout.min $10.00' })
  t.strictSame(node.asked, [], 'a plan asks no chain')

  const run = await office.run()
  t.match(run, { problem: null, payouts: [{ owner: 'alice', amount: '17.011112', state: 'paid', to: alice.address, network: NETWORK }] })
  t.match(told, [{ kind: 'payout', owner: 'alice', connection: undefined, detail: `$17.011112 were paid to ${alice.address} on ${NETWORK} (payout ` }])
  t.equal(await chain.balanceOf(alice.address), 17_011_112n)
  t.equal(await chain.balanceOf(bob.address), 0n)
  t.equal(await chain.balanceOf(signer.address), 1_000_000_000n - 17_011_112n)
  t.strictSame(await balances('liab:owner', 'liab:payout', 'asset:wallet'), { 'liab:owner:bob': usd('-4.5'), [WALLET]: usd('-17.011112') })
  t.match(await owner(office, 'alice'), { owed: '0.00', paid: '17.011112', in_transit: '0.00', payable: false, why: 'nothing is owed' })
  t.strictSame(await office.run(), { payouts: [], problem: null }, 'a second run pays nothing')
  t.equal(await ground.admin.payouts.open(), undefined)
  t.equal(await ground.admin.payouts.count(), 1)
})

t.test('several owners are paid in one run, and a run later pays what came since', async (t) => {
  const { earn, payouts, chain, alice, bob, balances } = await scene(t)
  await earn('nansen', '$20')
  await earn('nansen-2', '$30.000001')
  t.match(await payouts().run(), {
    problem: null,
    payouts: [
      { owner: 'bob', amount: '27.000001' },
      { owner: 'alice', amount: '18.00' },
    ],
  })
  await earn('nansen', '$100')
  t.match(await payouts().run(), { problem: null, payouts: [{ owner: 'alice', amount: '90.00', state: 'paid' }] })
  t.strictSame([await chain.balanceOf(alice.address), await chain.balanceOf(bob.address)], [108_000_000n, 27_000_001n])
  t.strictSame(await balances('liab:owner', 'liab:payout', 'asset:wallet'), { [WALLET]: usd('-135.000001') })
})

t.test('nothing is begun where the wallet has too little, of dollars or for fees', async (t) => {
  const { earn, payouts, chain, ground, signer } = await scene(t, { money: 17_999_999n })
  await earn('nansen', '$20')
  const poor = await payouts().run()
  t.strictSame(poor.payouts, [])
  t.equal(poor.problem, `the wallet ${signer.address.toLowerCase()} has $17.999999 on ${NETWORK}; $18.00 are to be paid, so nothing was begun`)
  await chain.mint(signer.address, 1n)
  await chain.rpc('anvil_setBalance', [signer.address, '0x10'])
  t.match((await payouts().run()).problem, /has 16 wei for fees; a transfer may take \d+$/)
  t.equal(await ground.admin.payouts.count(), 0)
  await chain.rpc('anvil_setBalance', [signer.address, '0xde0b6b3a7640000'])
  t.match(await payouts().run(), { problem: null, payouts: [{ state: 'paid' }] })
})

t.test('an owner without a wallet, or with two, is not paid, and the plan says why', async (t) => {
  const { earn, payouts, ground } = await scene(t, { wallets: false })
  await earn('nansen', '$20')
  t.match(await owner(payouts(), 'alice'), { payable: false, wallet: null, why: /^no connection of this owner names a wallet: pay_to is missing$/ })
  t.strictSame(await payouts().run(), { payouts: [], problem: null })
  const [first] = ground.config.connections
  if (first === undefined) throw new Error('no connection')
  const two = ['0x00000000000000000000000000000000000000A1', '0x00000000000000000000000000000000000000a2'].map((payTo, at) => ({
    ...first,
    name: `n${at}`,
    payTo,
  }))
  t.match(await owner(payouts({ connections: two }), 'alice'), { payable: false, wallet: null, why: /name different wallets: 0x\w+A1, 0x\w+a2;/ })
  const spelled = two.map((one) => ({
    ...one,
    payTo: one.name === 'n0' ? '0x00000000000000000000000000000000000000a2' : '0x00000000000000000000000000000000000000A2',
  }))
  t.match(await owner(payouts({ connections: spelled }), 'alice'), { payable: true }, 'two spellings are one wallet')
  t.match(await owner(payouts({ paying: undefined }), 'alice'), { payable: false, why: /^payouts are not configured/ })
  await t.rejects(payouts({ paying: undefined }).run(), { name: 'OfficeError', message: /^payouts are not configured; expected payout: / })
})

t.test('nobody is paid at an address from which the money would never come back', async (t) => {
  const { earn, payouts, ground, chain, signer } = await scene(t)
  await earn('nansen', '$20')
  const to = (payTo: string): Payouts => payouts({ connections: ground.config.connections.map((one) => ({ ...one, payTo })) })
  t.match(await owner(to(`0x${'0'.repeat(40)}`), 'alice'), { payable: false, why: /is the zero address$/ })
  for (const payTo of [`0x${'0'.repeat(40)}`, chain.token, signer.address]) t.strictSame(await to(payTo).run(), { payouts: [], problem: null }, payTo)
  t.equal(await ground.admin.payouts.count(), 0)
})

t.test('a node of another chain, another token, or no token, begins nothing', async (t) => {
  const { earn, payouts, ground, chain, node } = await scene(t)
  await earn('nansen', '$20')
  const on = async (networks: Parameters<typeof payouts>[0]): Promise<string | null> => (await payouts(networks).run()).problem
  t.match(await on({ options: { networks: [{ network: 'base' }] } }), /^payout\.rpc is a node of chain 84532; x402-payment takes payments on base$/)
  t.match(await on({ options: { networks: [{ network: NETWORK, asset: { address: chain.token, decimals: 18 } }] } }), /has 18 decimals; payouts need 6$/)
  t.match(await on({ options: { networks: [{ network: NETWORK, asset: { address: `0x${'1'.repeat(40)}`, decimals: 6 } }] } }), /^there is no token at 0x1+:/)
  node.manner = async ({ params }, forward) => {
    const text = await forward()
    return JSON.stringify(params).includes('0x313ce567') ? text.replace(/0x0*6"/, '0x12"') : text
  }
  t.match(await on({}), /has 18 decimals on chain 84532; payouts need 6$/)
  node.manner = honest
  t.match(await on({ options: { signer: '0'.repeat(64) } }), /^payout\.signer is no private key/)
  t.equal(await ground.admin.payouts.count(), 0)
})

t.test('a wallet that is busy elsewhere is left alone', async (t) => {
  const { earn, payouts, ground, chain, signer } = await scene(t)
  await earn('nansen', '$20')
  await chain.automine(false)
  await chain.rpc('eth_sendTransaction', [{ from: signer.address, to: signer.address, value: '0x1' }])
  t.match((await payouts().run()).problem, /has 1 transactions under way that are no payouts; wait until they are mined$/)
  t.equal(await ground.admin.payouts.count(), 0)
  await chain.mine()
  await chain.automine(true)
  t.match(await payouts().run(), { problem: null, payouts: [{ state: 'paid' }] })
})

t.test('two runs at once pay once, in one process and in two', async (t) => {
  const { earn, payouts, chain, alice, bob, ground } = await scene(t)
  await earn('nansen', '$20')
  await earn('nansen-2', '$40')
  const one = payouts()
  // Another `Payouts` shares nothing with the first but the store, as another process would.
  const runs: readonly PayoutRun[] = await Promise.all([one.run(), one.run(), payouts().run(), payouts().run()])
  for (const { problem } of runs) t.equal(problem, null)
  t.strictSame([await chain.balanceOf(alice.address), await chain.balanceOf(bob.address)], [18_000_000n, 36_000_000n])
  t.equal(await ground.admin.payouts.count(), 2)
})

t.test('a transfer that the token refuses holds up nobody else', async (t) => {
  const { earn, payouts, chain, node, alice, bob } = await scene(t)
  await earn('nansen', '$40')
  await earn('nansen-2', '$20')
  node.manner = async ({ method, params }, forward) =>
    method === 'eth_estimateGas' && JSON.stringify(params).includes(alice.address.slice(2).toLowerCase())
      ? (await forward()).replace(/"result":"[^"]*"/, '"error":{"code":3,"message":"execution reverted: Blacklistable: account is blacklisted"}')
      : forward()
  const run = await payouts().run()
  t.match(run, {
    problem: null,
    payouts: [
      { owner: 'alice', state: 'refused', detail: /Blacklistable: account is blacklisted$/ },
      { owner: 'bob', state: 'paid' },
    ],
  })
  t.equal(await chain.balanceOf(alice.address), 0n)
  t.equal(await chain.balanceOf(bob.address), 18_000_000n)
})

t.test('with `every` owners are paid by themselves, and closing leaves nothing behind', async (t) => {
  const { earn, payouts, chain, alice, ground, logged, node } = await scene(t)
  const office = payouts()
  const schedule = new PayoutSchedule({ run: (signal) => office.run(signal), everyMs: 50, clock: ground.clock, log: { ...ground.log } })
  await earn('nansen', '$20')
  await until('alice is paid', async () => (await chain.balanceOf(alice.address)) === 18_000_000n)
  await earn('nansen', '$30')
  await until('alice is paid again', async () => (await chain.balanceOf(alice.address)) === 45_000_000n)
  await chain.automine(false)
  await earn('nansen', '$20')
  await until('a third payout is sent', () => node.asked.filter((method) => method === 'eth_sendRawTransaction').length === 3)
  await schedule.close()
  t.ok(logged.some(({ message }) => message === 'a payout is still open'))
  t.notOk(logged.some(({ level }) => level === 'error'))
  await chain.automine(true)
  await chain.mine()
  t.match(await office.run(), { problem: null, payouts: [{ state: 'paid' }] })
  t.equal(await chain.balanceOf(alice.address), 63_000_000n)
})

t.test('the private key and the address of the node are in no answer, no line of the log and no file', async (t) => {
  const { earn, payouts, ground, logged, signer, node, folder, close } = await scene(t, { waitMs: 50 })
  await earn('nansen', '$20')
  const said: unknown[] = []
  node.manner = async () => 'nonsense'
  said.push(await payouts().run())
  node.manner = honest
  said.push(await payouts({ options: { networks: [{ network: 'base' }] } }).run(), await payouts().plan(), await payouts().run(), logged)
  await ground.books.balances()
  await close()
  const files = readdirSync(`${folder}/data`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/data/${name}`)
  const texts = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file).toString('latin1'))
  t.ok(
    texts.some((text) => text.includes('"payout"')),
    'the journal was looked at',
  )
  const all = JSON.stringify(said) + texts.join()
  t.notOk(all.toLowerCase().includes(signer.privateKey.slice(2).toLowerCase()))
  t.notOk(all.includes(node.url))
})
