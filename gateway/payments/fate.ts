/**
 * What became of an EIP-3009 authorization, by what the chain proves and by nothing else. Settled: one transaction that took
 * effect holds AuthorizationUsed beside the transfer that was signed. Not settled: it was cancelled, or is unused in a block
 * that is past its time. `authorizationState` alone proves nothing: it is true for cancelled ones, too (EIP-3009). Who asks, and what is asked
 * where this knows nothing: till.ts `recover`.
 */
import { blockTag, type Json, NodeError, type NodeRpc, objectOf } from '../evm/rpc.ts'

export interface Authorized {
  readonly chainId: number
  readonly asset: string
  readonly from: string
  readonly to: string
  /** Atomic units. */
  readonly value: bigint
  readonly nonce: string
  /** Seconds. */
  readonly validBefore: bigint
}

export type AuthorizationFate =
  | { readonly state: 'settled'; readonly transaction: string }
  | { readonly state: 'not_settled'; readonly reason: string }
  | { readonly state: 'unknown'; readonly because: string }

// keccak256 of Transfer(address,address,uint256), AuthorizationUsed(address,bytes32), AuthorizationCanceled(address,bytes32)
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'
const CANCELED = '0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81'
/** First four bytes of keccak256 of authorizationState(address,bytes32). */
const STATE_CALL = '0xe94a0102'
/** So much chain time past its end no block that is replaced can still take it. */
const PAST_SECONDS = 60n
const EARLIER_MS = 600_000
/** Blocks that a node is asked about at once; where it refuses, fewer and fewer. */
interface Windows {
  readonly most: bigint
  readonly least: bigint
}

const WINDOWS: Windows = { most: 2_000n, least: 100n }
const MOST_WINDOWS = 200
const WORD = /^0x[0-9a-fA-F]{64}$/

const unknown = (because: string): AuthorizationFate => ({ state: 'unknown', because })
const word = (hex: string): string => `0x${hex.slice(2).toLowerCase().padStart(64, '0')}`
const lower = (value: unknown): string => (typeof value === 'string' ? value.toLowerCase() : '')

/** `sinceMs`: when the settlement was begun. @throws NodeError: then nothing is known */
export async function fateOfAuthorization(node: NodeRpc, of: Authorized, sinceMs: number, windows = WINDOWS): Promise<AuthorizationFate> {
  const chainId = await node.number('eth_chainId')
  if (chainId !== BigInt(of.chainId)) return unknown(`the node is on chain ${chainId}, the payment on ${of.chainId}`)
  const newest = await blockAt(node, 'latest')
  if (await isUsed(node, of, newest.number)) return usedFate(node, of, { newest, sinceMs, windows })
  if (newest.seconds > of.validBefore + PAST_SECONDS) return { state: 'not_settled', reason: 'authorization_expired' }
  return unknown('the authorization is unused, and may still be used')
}

interface Block {
  readonly number: bigint
  readonly seconds: bigint
}

async function blockAt(node: NodeRpc, at: string): Promise<Block> {
  const block = await node.object('eth_getBlockByNumber', [at, false])
  if (block === undefined) throw new NodeError(`the node has no block ${at}`)
  return { number: node.quantity(block.number, 'eth_getBlockByNumber'), seconds: node.quantity(block.timestamp, 'eth_getBlockByNumber') }
}

async function isUsed(node: NodeRpc, { asset, from, nonce }: Authorized, block: bigint): Promise<boolean> {
  const data = STATE_CALL + word(from).slice(2) + nonce.slice(2)
  const state = await node.ask('eth_call', [{ to: asset, data }, blockTag(block)])
  if (typeof state !== 'string' || !WORD.test(state) || BigInt(state) > 1n) throw new NodeError('the token does not say whether the authorization is used')
  return BigInt(state) === 1n
}

/** Used or cancelled: the log says which, backwards from the newest block to before the settlement was begun. */
async function usedFate(
  node: NodeRpc,
  of: Authorized,
  { newest, sinceMs, windows }: { newest: Block; sinceMs: number; windows: Windows },
): Promise<AuthorizationFate> {
  const beganSeconds = BigInt(Math.floor((sinceMs - EARLIER_MS) / 1000))
  let window = windows.most
  let to = newest.number
  for (let asked = 0; asked < MOST_WINDOWS; asked++) {
    const from = to >= window ? to - window + 1n : 0n
    const logs = await logsOf(node, of, from, to)
    if (logs === 'too many') {
      if (window === windows.least) return unknown('the node refuses to look for the log of the authorization')
      window = window / 2n > windows.least ? window / 2n : windows.least
      continue
    }
    const found = logs.find((log) => isOf(log, of))
    if (found !== undefined) return provenBy(node, of, found)
    if (from === 0n || (await blockAt(node, blockTag(from))).seconds < beganSeconds) return unknown('the authorization is used, and no log says by what')
    to = from - 1n
  }
  return unknown('the authorization is used, and its log lies too far back')
}

async function logsOf(node: NodeRpc, { asset, from, nonce }: Authorized, fromBlock: bigint, toBlock: bigint): Promise<readonly Json[] | 'too many'> {
  const topics = [[USED, CANCELED], word(from), nonce]
  try {
    const logs = await node.ask('eth_getLogs', [{ address: asset, topics, fromBlock: blockTag(fromBlock), toBlock: blockTag(toBlock) }])
    if (!Array.isArray(logs)) throw new NodeError('the node answered eth_getLogs with something that is no list')
    return logs.map(objectOf).filter((log) => log !== undefined)
  } catch (error) {
    // The node answered, with a refusal: most bound the number of blocks.
    if (error instanceof NodeError && error.said !== undefined) return 'too many'
    throw error
  }
}

/** Looked at again: a node may answer more than it was asked for. */
function isOf({ address, topics, removed }: Json, { asset, from, nonce }: Authorized): boolean {
  if (lower(address) !== asset.toLowerCase() || removed === true || !Array.isArray(topics) || topics.length !== 3) return false
  const [kind, authorizer, which] = topics.map(lower)
  return (kind === USED || kind === CANCELED) && authorizer === word(from) && which === nonce.toLowerCase()
}

async function provenBy(node: NodeRpc, of: Authorized, { topics, transactionHash }: Json): Promise<AuthorizationFate> {
  if (typeof transactionHash !== 'string' || !WORD.test(transactionHash)) throw new NodeError('the node answered eth_getLogs without a transaction')
  const receipt = await node.object('eth_getTransactionReceipt', [transactionHash])
  if (receipt === undefined || lower(receipt.transactionHash) !== transactionHash.toLowerCase())
    return unknown('the node has no receipt of the transaction that used the authorization')
  const logs = Array.isArray(receipt.logs) ? receipt.logs.map(objectOf).filter((log) => log !== undefined) : []
  const tookEffect = node.quantity(receipt.status, 'eth_getTransactionReceipt') === 1n && logs.some((log) => isOf(log, of))
  if (!tookEffect) return unknown('the transaction that used the authorization took no effect, as its receipt says')
  if (lower((topics as readonly unknown[])[0]) === CANCELED) return { state: 'not_settled', reason: 'authorization_canceled' }
  if (!logs.some((log) => isTransfer(log, of))) return unknown('the authorization was used without the transfer that it allows')
  return { state: 'settled', transaction: transactionHash.toLowerCase() }
}

function isTransfer({ address, topics, data, removed }: Json, { asset, from, to, value }: Authorized): boolean {
  if (lower(address) !== asset.toLowerCase() || removed === true || !Array.isArray(topics) || topics.length !== 3) return false
  const [kind, sender, receiver] = topics.map(lower)
  const fits = kind === TRANSFER && sender === word(from) && receiver === word(to)
  return fits && typeof data === 'string' && WORD.test(data) && BigInt(data) === value
}
