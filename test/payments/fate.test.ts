/** What became of an authorization: settled and not settled are proven by the chain; whatever a node only says, or does not say, is unknown. */

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { NodeRpc } from '../../gateway/evm/rpc.ts'
import { type AuthorizationFate, fateOfAuthorization } from '../../gateway/payments/fate.ts'
import { cancel, type Signed, sign, submit } from '../rig/authorizations.ts'
import { type Account, startChain } from '../rig/chain.ts'
import type { Hex } from '../rig/compile.ts'
import { honest, type Manner, startNode } from '../rig/node.ts'

const chain = await startChain()
t.teardown(() => chain.close())
const node = await startNode(t, chain.rpcUrl)
const [payer, seller, anybody] = chain.accounts as [Account, Account, Account]
await chain.mint(payer.address, 1_000_000_000n)

const VALUE = 150_000n
const begun = Date.now()

async function authorized(validSeconds = 3_600): Promise<Signed> {
  const validBefore = String((await chain.nowSeconds()) + validSeconds)
  const nonce: Hex = `0x${randomBytes(32).toString('hex')}`
  const authorization = { from: payer.address, to: seller.address, value: String(VALUE), validAfter: '0', validBefore, nonce }
  return sign({ chain, from: payer, authorization })
}

const mute: Manner = () => new Promise(() => undefined)

function fate(
  { authorization: { from, to, validBefore, nonce } }: Signed,
  manner: Manner = honest,
  chainId = chain.chainId,
  windows = { most: 8n, least: 2n },
): Promise<AuthorizationFate> {
  node.manner = manner
  // Only who never answers is given up soon: a machine that is busy is no node that is slow.
  const withinMs = manner === mute ? 200 : 10_000
  const of = { chainId, asset: chain.token, from, to, value: VALUE, nonce, validBefore: BigInt(validBefore) }
  return fateOfAuthorization(new NodeRpc(node.url, withinMs, 'x402-payment.rpc'), of, begun, windows)
}

t.test('a transfer beside the use of the nonce is settled, whoever sent it, by its transaction', async (t) => {
  const signed = await authorized()
  t.match(await fate(signed), { state: 'unknown', because: /unused, and may still be used/ })
  const transaction = await submit(chain, anybody, signed)
  t.strictSame(await fate(signed), { state: 'settled', transaction })
  await chain.mine(30)
  t.strictSame(await fate(signed), { state: 'settled', transaction }, 'however many blocks ago')
})

t.test('what its signer has cancelled is not settled', async (t) => {
  const signed = await authorized()
  await cancel(chain, payer, signed)
  t.strictSame(await fate(signed), { state: 'not_settled', reason: 'authorization_canceled' })
})

t.test('unused is not settled only when the chain itself is past its time', async (t) => {
  const signed = await authorized(30)
  t.match(await fate(signed), { state: 'unknown' })
  await chain.advance(60)
  t.match(await fate(signed), { state: 'unknown' }, 'a block that is replaced could still have it')
  await chain.advance(60)
  t.strictSame(await fate(signed), { state: 'not_settled', reason: 'authorization_expired' })
  await t.rejects(submit(chain, anybody, signed), 'nor can it be any more')
})

/** The answer to a method, changed. */
const changed =
  (method: string, how: (result: unknown) => unknown): Manner =>
  async (question, forward) => {
    const text = await forward()
    if (question.method !== method) return text
    const answer = JSON.parse(text) as { result: unknown }
    return JSON.stringify({ ...answer, result: how(answer.result) })
  }
type Log = Record<string, unknown> & { readonly topics: string[] }
type Logs = readonly Log[]
const eachLog = (how: (log: Log) => object): Manner => changed('eth_getLogs', (logs) => (logs as Logs).map((log) => ({ ...log, ...how(log) })))
const inReceipt = (how: (receipt: { logs: Logs }) => object): Manner =>
  changed('eth_getTransactionReceipt', (receipt) => ({ ...(receipt as object), ...how(receipt as { logs: Logs }) }))

t.test('a node that lies, forgets or breaks proves nothing', async (t) => {
  const signed = await authorized()
  const transaction = await submit(chain, anybody, signed)
  const other = `0x${'11'.repeat(20)}`
  const lies: Readonly<Record<string, Manner>> = {
    'another token': eachLog(() => ({ address: other })),
    'another nonce': eachLog(({ topics }) => ({ topics: [topics[0], topics[1], `0x${'22'.repeat(32)}`] })),
    'a log that was removed': eachLog(() => ({ removed: true })),
    'no log': changed('eth_getLogs', () => []),
    'no receipt': changed('eth_getTransactionReceipt', () => null),
    'another receipt': inReceipt(() => ({ transactionHash: `0x${'33'.repeat(32)}` })),
    'a receipt of a transaction that failed': inReceipt(() => ({ status: '0x0' })),
    'a receipt without the use': inReceipt(({ logs }) => ({ logs: logs.slice(1) })),
    'a transfer to somebody else': inReceipt(({ logs }) => ({
      logs: logs.map((log) =>
        log.topics.length === 3 && log.data !== '0x' ? { ...log, topics: [log.topics[0], log.topics[1], `0x${other.slice(2).padStart(64, '0')}`] } : log,
      ),
    })),
    'a transfer of less': inReceipt(({ logs }) => ({ logs: logs.map((log) => (log.data === '0x' ? log : { ...log, data: `0x${'1'.padStart(64, '0')}` })) })),
  }
  for (const [what, manner] of Object.entries(lies)) t.match(await fate(signed, manner), { state: 'unknown' }, what)
  t.match(await fate(signed, honest, 1), { state: 'unknown', because: /on chain 84532, the payment on 1/ })
  for (const text of ['<html>', '', '{"jsonrpc":"2.0","id":1}', '[]'])
    await t.rejects(
      fate(signed, async () => text),
      { name: 'NodeError' },
      text,
    )
  await t.rejects(fate(signed, mute), { message: /did not answer/ })
  t.strictSame(await fate(signed), { state: 'settled', transaction }, 'and afterwards it is as it was')
})

t.test('a node that refuses long ranges is asked for shorter ones', async (t) => {
  const signed = await authorized()
  const transaction = await submit(chain, anybody, signed)
  await chain.mine(20)
  const short: Manner = async (question, forward) => {
    const [range] = question.params as [{ fromBlock: string; toBlock: string }]
    const isLong = question.method === 'eth_getLogs' && BigInt(range.toBlock) - BigInt(range.fromBlock) >= 3n
    return isLong
      ? '{"jsonrpc":"2.0","id":ID,"error":{"code":-32005,"message":"range too large"}}'.replace(
          'ID',
          String((JSON.parse(await forward()) as { id: number }).id),
        )
      : forward()
  }
  t.strictSame(await fate(signed, short), { state: 'settled', transaction })
  const never: Manner = async (question, forward) => {
    const text = await forward()
    const { id } = JSON.parse(text) as { id: number }
    return question.method === 'eth_getLogs' ? `{"jsonrpc":"2.0","id":${id},"error":{"code":-32005,"message":"no logs here"}}` : text
  }
  t.match(await fate(signed, never), { state: 'unknown', because: /refuses to look/ })
})
