/** `atlas payout` and `payout.every`, as an operator uses them, on a real chain. */

import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { atlas, type Ran } from '../rig/atlas.ts'
import { startChain, type Account } from '../rig/chain.ts'
import { BALANCE, bearer, openGateway, sandbox, until, WALLET } from '../rig/gateway.ts'
import { NETWORK, openPaying, payingScene } from '../rig/paying.ts'

t.test('atlas payout plan explains and pays nothing; run pays; again it has nothing to do', async (t) => {
  const { file, earn, close, chain, alice, signer, node } = await payingScene(t)
  await earn('nansen', '$20')
  await earn('nansen-2', '$1')
  await close()
  const plan = await atlas(['payout', 'plan', '--config', file])
  t.equal(plan.status, 0, plan.stderr)
  t.match(plan.stdout, new RegExp(`^alice +\\$18\\.00 .*\\$18\\.00  ${alice.address}  is paid by the next payout run$`, 'm'))
  t.match(plan.stdout, /^bob .* below payout\.min \$10\.00$/m)
  t.equal(await chain.balanceOf(alice.address), 0n)
  const run = await atlas(['payout', 'run', '--config', file])
  t.match(run, { status: 0, stdout: /^alice +\$18\.00 +paid +0x\w{40} +0x\w{64} +block \d+$/m })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
  const again = await atlas(['payout', 'run', '--config', file, '--json'])
  t.match(again, { status: 0, json: { payouts: [], problem: null } })
  const hers = await atlas(['audit', 'tail', '--owner', 'alice', '--config', file])
  t.match(hers.stdout, new RegExp(`payout\\.run +admin +alice +0x\\w{10}… +\\$18\\.00 to ${alice.address}: paid`), 'alice sees it in the audit log')
  t.match((await atlas(['payout', 'plan', '--config', file, '--json'])).json, {
    owners: [
      { owner: 'bob', owed: '0.90' },
      { owner: 'alice', owed: '0.00', paid: '18.00' },
    ],
  })
  const said = [plan, run, again].map(({ stdout, stderr }) => stdout + stderr).join()
  t.notOk(said.toLowerCase().includes(signer.privateKey.slice(2)) || said.includes(node.url))
  const { balances } = await openPaying(t, { file })
  t.match(Object.keys(await balances('asset:wallet')), [`asset:wallet:${NETWORK}`])
})

t.test('atlas payout run ends with 1 and says why where something is left', async (t) => {
  const { file, earn, close, node } = await payingScene(t, { money: 0n })
  await earn('nansen', '$20')
  await close()
  t.match(await atlas(['payout', 'run', '--config', file]), {
    status: 1,
    stdout: 'no payout was made\n',
    stderr: /^the wallet 0x\w{40} has \$0\.00 on eip155:84532; \$18\.00 are to be paid, so nothing was begun$/m,
  })
  node.manner = async () => 'nonsense'
  t.match(await atlas(['payout', 'run', '--config', file]), {
    status: 1,
    stderr: /^the node of payout\.rpc answered eth_chainId with something that is no JSON$/m,
  })
})

t.test('the wallet that pays may be in the vault: what is no key of one is refused, and the key is shown nowhere', async (t) => {
  const { file, earn, close, chain, alice, signer } = await payingScene(t)
  await earn('nansen', '$20')
  await close()
  writeFileSync(file, readFileSync(file, 'utf8').replace(signer.privateKey, 'vault:payout'))
  const add = (input: string): Promise<Ran> => atlas(['connection', 'add', 'payout', '--config', file], { input })
  const none = await atlas(['payout', 'run', '--config', file])
  t.match(none, { status: 1, stderr: /vault:payout cannot be resolved: the vault has no payout; add it with: atlas connection add payout$/m })
  const wrong = await add('nsk_no-key-of-a-wallet')
  t.match(wrong, { status: 1, stderr: /^payout\.signer uses vault:payout, and this is no private key of a wallet; expected 64 hex digits$/m })
  const added = await add(`${signer.privateKey}\n`)
  t.match(added, { status: 0, stdout: 'payout is in the vault, version 1\npayout.signer uses it from the next start on\n' })
  const run = await atlas(['payout', 'run', '--config', file])
  t.match(run, { status: 0, stdout: /^alice +\$18\.00 +paid /m })
  t.equal(await chain.balanceOf(alice.address), 18_000_000n)
  const said = [none, wrong, added, run].map(({ stdout, stderr }) => stdout + stderr).join()
  t.notOk(said.toLowerCase().includes(signer.privateKey.slice(2, 12)))
})

t.test('a gateway with payout.every pays by itself what its calls earned', async (t) => {
  const chain = await startChain()
  t.teardown(() => chain.close())
  const [signer, alice] = chain.accounts as [Account, Account]
  await chain.mint(signer.address, 1_000_000n)
  const selling = { name: 'nansen', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed', owner: 'alice', pay_to: alice.address }
  const payout = { signer: signer.privateKey, rpc: chain.rpcUrl, min: '$0.27', every: '100ms' }
  const { call, key, close } = await openGateway(t, sandbox({ api_connections: [selling], payout }))
  const consumer = await key({ credits: '$5' })
  const buy = async (): Promise<void> => void (await call('POST', BALANCE, { headers: bearer(consumer.key), body: WALLET }))
  await buy()
  await buy()
  await until('alice is paid for two calls', async () => (await chain.balanceOf(alice.address)) === 270_000n)
  await buy()
  await buy()
  await until('and for two more', async () => (await chain.balanceOf(alice.address)) === 540_000n)
  await close(0)
  t.equal(await chain.balanceOf(alice.address), 540_000n)
})
