/**
 * What became of a transaction, by what the chain proves and by nothing else. Paid: its receipt stands deep enough and names the
 * transfer. Failed: its receipt, or another transaction with its account nonce, stands in a block that is final. Else it is open.
 */
import type { PayoutFate } from '#contract'
import { blockTag, type NodeRpc, NodeError, objectOf, type Json } from '../evm/rpc.ts'

export interface Sent {
  readonly transaction: string
  readonly from: string
  readonly to: string
  readonly asset: string
  readonly amount: bigint
  readonly accountNonce: bigint
}

export interface Depths {
  /** Blocks that a receipt must have, its own included, before it counts as paid. */
  readonly confirmations: bigint
  /** Where a node knows no `finalized` block: this far below the newest one. */
  readonly finalDepth: bigint
}

/** keccak256 of Transfer(address,address,uint256). */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

const open = (because: string, mayBeSent = false): PayoutFate => ({ state: 'open', because, mayBeSent })

/** @throws NodeError: then nothing is known */
export async function fateOf(node: NodeRpc, sent: Sent, depths: Depths): Promise<PayoutFate> {
  const receipt = await node.object('eth_getTransactionReceipt', [sent.transaction])
  if (receipt !== undefined) return minedFate(node, sent, receipt, depths)
  const used = await node.number('eth_getTransactionCount', [sent.from, 'latest'])
  if (used <= sent.accountNonce) return open('it is in no block yet', true)
  // The receipt may have come between the two questions, so the block is looked for that used the nonce.
  return usedFate(node, sent, depths)
}

async function minedFate(node: NodeRpc, sent: Sent, receipt: Json, depths: Depths): Promise<PayoutFate> {
  const block = node.quantity(receipt.blockNumber, 'eth_getTransactionReceipt')
  const status = node.quantity(receipt.status, 'eth_getTransactionReceipt')
  if (String(receipt.transactionHash).toLowerCase() !== sent.transaction)
    throw new NodeError('the node of payout.rpc answered eth_getTransactionReceipt with another transaction')
  if (status === 1n && transfers(receipt, sent)) {
    const newest = await node.number('eth_blockNumber')
    const depth = newest - block + 1n
    return depth >= depths.confirmations
      ? { state: 'paid', block: block.toString() }
      : open(`it stands in block ${block}, with ${depth} of ${depths.confirmations} blocks that make it safe`)
  }
  const what = status === 1n ? 'took effect without a transfer' : 'was reverted by the token'
  if (block > (await finalBlock(node, depths))) return open(`it ${what} in block ${block}; that counts once the block is final`)
  return { state: 'failed', reason: `the transfer ${what} in block ${block}` }
}

function transfers({ logs }: Json, { asset, from, to, amount }: Sent): boolean {
  if (!Array.isArray(logs)) return false
  return logs.map(objectOf).some((log) => {
    const topics = log?.topics
    if (typeof log?.address !== 'string' || !Array.isArray(topics) || topics.length !== 3 || typeof log.data !== 'string') return false
    const [kind, sender, receiver] = topics.map((topic) => String(topic).toLowerCase())
    const is = (word: string | undefined, address: string): boolean => word === `0x${address.slice(2).toLowerCase().padStart(64, '0')}`
    const fits = log.address.toLowerCase() === asset.toLowerCase() && kind === TRANSFER && is(sender, from) && is(receiver, to)
    return fits && /^0x[0-9a-f]{64}$/i.test(log.data) && BigInt(log.data) === amount
  })
}

async function finalBlock(node: NodeRpc, { finalDepth }: Depths): Promise<bigint> {
  try {
    const block = await node.object('eth_getBlockByNumber', ['finalized', false])
    if (block !== undefined) return node.quantity(block.number, 'eth_getBlockByNumber')
  } catch (error) {
    if (!(error instanceof NodeError) || error.said === undefined) throw error
  }
  return (await node.number('eth_blockNumber')) - finalDepth
}

/** The account nonce is used. By whom, is for the block to say: a receipt that is missing proves nothing, nodes forget old ones. */
async function usedFate(node: NodeRpc, sent: Sent, depths: Depths): Promise<PayoutFate> {
  const used = `the wallet's transaction number ${sent.accountNonce} is used`
  const final = await finalBlock(node, depths)
  let block: bigint
  try {
    if (final < 0n || (await usedBy(node, sent, final)) === false) return open(`${used} in a block that is not final yet`)
    block = await firstBlock(node, sent, final)
  } catch (error) {
    if (!(error instanceof NodeError) || error.said === undefined) throw error
    return open(`${used}, and the node does not show by which transaction (${error.said}); a node with old state (archive) can`)
  }
  const transactions = (await node.object('eth_getBlockByNumber', [blockTag(block), true]))?.transactions
  const found = (Array.isArray(transactions) ? transactions.map(objectOf) : []).find(
    (one) =>
      String(one?.from).toLowerCase() === sent.from.toLowerCase() &&
      /^0x[0-9a-f]+$/i.test(String(one?.nonce)) &&
      BigInt(String(one?.nonce)) === sent.accountNonce,
  )
  if (found === undefined || typeof found.hash !== 'string') return open(`${used} in block ${block}, and the node does not show by which transaction`)
  if (found.hash.toLowerCase() === sent.transaction) return open(`it stands in block ${block}, and the node has no receipt of it; another node may`)
  return { state: 'failed', reason: `another transaction of the wallet, ${found.hash}, used its number ${sent.accountNonce} in block ${block}` }
}

const usedBy = async (node: NodeRpc, { from, accountNonce }: Sent, block: bigint): Promise<boolean> =>
  (await node.number('eth_getTransactionCount', [from, blockTag(block)])) > accountNonce

/** The block that used the nonce, which `last` or one before it did: backwards in growing steps, then between. */
async function firstBlock(node: NodeRpc, sent: Sent, last: bigint): Promise<bigint> {
  let step = 1n
  let high = last
  let low = last - step
  while (low >= 0n && (await usedBy(node, sent, low))) {
    high = low
    step *= 2n
    low -= step
  }
  if (low < -1n) low = -1n
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (await usedBy(node, sent, middle)) high = middle
    else low = middle
  }
  return high
}
