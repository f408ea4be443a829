/** The wallet that pays owners, and the node it speaks through. Money is micro-dollars: only tokens with 6 decimals are paid, whose atomic units are the same. */
import { chainIdOf, findNetwork, type Payout, type PayoutFate, type Usd } from '#contract'
import { fateOf } from './fate.ts'
import { NodeError, NodeRpc } from '../evm/rpc.ts'
import type { SignedTransfer } from './transfer.ts'

export interface PayerOptions {
  /** Private key, 64 hex digits; bytes are cleared once they are read. */
  readonly signer: string | Buffer
  readonly rpc: string
  /** Networks on which payments are taken, by name or CAIP-2, with the token where it is not the network's USDC. Empty: whatever chain the node is of. */
  readonly networks: readonly { readonly network: string; readonly asset?: { readonly address: string; readonly decimals: number } }[]
  /** For one answer of the node. */
  readonly withinMs?: number
  /** Blocks that a transfer must have before it counts as paid; default by chain. */
  readonly confirmations?: number
}

/** What a payout is made on. */
export interface PayingFrom {
  /** CAIP-2 */
  readonly network: string
  readonly asset: string
  readonly from: string
  readonly balance: Usd
}

type Signed = Pick<Payout, 'accountNonce' | 'raw' | 'transaction'>

const WITHIN_MS = 10_000
const FINAL_DEPTH = 64n
/** Chains that take back blocks now and then; others are ordered by one party or final at once. */
const CONFIRMATIONS: Readonly<Record<string, bigint>> = { '1': 12n, '137': 64n }
const DECIMALS = 6n
/** The base fee may rise to this multiple before the transfer has to wait; what is paid is the base fee of its block. */
const FEE_ROOM = 4n
const GAS_ROOM_PERCENT = 125n
const USUAL_TIP = 1_000_000_000n
/** A transfer takes 30,000 to 100,000; beyond this the node or the token is not what it should be. */
const MOST_GAS = 10_000_000n

const paddedAddress = (address: string): string => address.slice(2).toLowerCase().padStart(64, '0')

export class EvmPayer {
  readonly #node: NodeRpc
  readonly #options: PayerOptions
  #loaded: ReturnType<typeof loadWallet> | undefined

  constructor(options: PayerOptions) {
    this.#options = options
    this.#node = new NodeRpc(options.rpc, options.withinMs ?? WITHIN_MS, 'payout.rpc')
  }

  /** Chain, token and decimals are those that the configuration means. @throws NodeError, WalletError: a sentence, and nothing was begun */
  async ready(): Promise<PayingFrom> {
    const { wallet } = await this.#wallet()
    const chainId = await this.#node.number('eth_chainId')
    const { network, asset } = this.#tokenOn(chainId)
    const decimals = await this.#call(asset, '0x313ce567', 'decimals')
    if (decimals !== DECIMALS) throw new NodeError(`the token ${asset} has ${decimals} decimals on chain ${chainId}; payouts need ${DECIMALS}`)
    const balance = await this.#call(asset, `0x70a08231${paddedAddress(wallet.address)}`, 'balanceOf')
    return { network, asset, from: wallet.address, balance: balance as Usd }
  }

  /** Nothing is sent; `refused`: the token would not take this transfer. @throws NodeError with a sentence */
  async sign({ network, asset, from }: PayingFrom, to: string, amount: Usd): Promise<Signed | { readonly refused: string }> {
    const { wallet, transferData, hexOf } = await this.#wallet()
    const used = await this.#node.number('eth_getTransactionCount', [from, 'latest'])
    const pending = await this.#node.number('eth_getTransactionCount', [from, 'pending'])
    if (pending > used) throw new NodeError(`the wallet ${from} has ${pending - used} transactions under way that are no payouts; wait until they are mined`)
    const call = { from, to: asset, value: '0x0', data: hexOf(transferData(to, amount)) }
    const needed = await this.#answered(() => this.#node.number('eth_estimateGas', [call]))
    if (typeof needed === 'string') return { refused: `the token would refuse the transfer to ${to}: ${needed}` }
    const gas = (needed * GAS_ROOM_PERCENT) / 100n
    if (gas > MOST_GAS) throw new NodeError(`the node asks ${needed} gas for a transfer; at most ${MOST_GAS} is taken`)
    const { tip, mostFee } = await this.#fees()
    const ether = await this.#node.number('eth_getBalance', [from, 'latest'])
    if (ether < gas * mostFee) throw new NodeError(`the wallet ${from} has ${ether} wei for fees; a transfer may take ${gas * mostFee}`)
    const chainId = BigInt(chainIdOf(network) ?? 0)
    const signed: SignedTransfer = wallet.sign({ chainId, accountNonce: used, tip, mostFee, gas, asset, to, amount })
    return { ...signed, accountNonce: used.toString() }
  }

  /** Sends it, again as often as wanted. What the node has against it, if anything. @throws NodeError where nobody knows whether it arrived */
  async broadcast({ raw }: Pick<Payout, 'raw'>): Promise<string | undefined> {
    const said = await this.#answered(async () => void (await this.#node.ask('eth_sendRawTransaction', [raw])))
    return said ?? undefined
  }

  /** @throws NodeError: then nothing is known */
  async fate(payout: Payout): Promise<PayoutFate> {
    const chainId = await this.#node.number('eth_chainId')
    if (payout.network !== `eip155:${chainId}`) throw new NodeError(`the payout is on ${payout.network}, and payout.rpc is a node of eip155:${chainId}`)
    const confirmations = this.#options.confirmations === undefined ? (CONFIRMATIONS[chainId.toString()] ?? 1n) : BigInt(this.#options.confirmations)
    return fateOf(this.#node, { ...payout, accountNonce: BigInt(payout.accountNonce) }, { confirmations, finalDepth: FINAL_DEPTH })
  }

  #wallet(): ReturnType<typeof loadWallet> {
    this.#loaded ??= loadWallet(this.#options.signer)
    return this.#loaded
  }

  #tokenOn(chainId: bigint): { network: string; asset: string } {
    const network = `eip155:${chainId}`
    const { networks } = this.#options
    const named = networks.find((one) => (findNetwork(one.network)?.caip2 ?? one.network) === network)
    if (networks.length > 0 && named === undefined)
      throw new NodeError(`payout.rpc is a node of chain ${chainId}; x402-payment takes payments on ${networks.map((one) => one.network).join(', ')}`)
    const token = named?.asset ?? findNetwork(network)?.usdc
    if (token === undefined) throw new NodeError(`no USDC is known on chain ${chainId}; name the token as asset of x402-payment`)
    if (BigInt(token.decimals) !== DECIMALS) throw new NodeError(`the token ${token.address} has ${token.decimals} decimals; payouts need ${DECIMALS}`)
    return { network, asset: token.address }
  }

  async #call(to: string, data: string, what: string): Promise<bigint> {
    const result = await this.#node.ask('eth_call', [{ to, data }, 'latest'])
    if (result === '0x') throw new NodeError(`there is no token at ${to}: it does not answer ${what}`)
    return this.#node.quantity(result, `eth_call of ${what}`)
  }

  /** The result, or what the node itself said against the question. @throws NodeError where it said nothing */
  async #answered<T>(question: () => Promise<T>): Promise<T | string> {
    try {
      return await question()
    } catch (error) {
      if (error instanceof NodeError && error.said !== undefined) return error.said
      throw error
    }
  }

  async #fees(): Promise<{ tip: bigint; mostFee: bigint }> {
    const block = await this.#node.object('eth_getBlockByNumber', ['latest', false])
    if (block?.baseFeePerGas === undefined) throw new NodeError('the chain of payout.rpc has no base fee (EIP-1559); payouts cannot be made on it')
    const asked = await this.#answered(() => this.#node.number('eth_maxPriorityFeePerGas'))
    const tip = typeof asked === 'string' ? USUAL_TIP : asked
    return { tip, mostFee: this.#node.quantity(block.baseFeePerGas, 'eth_getBlockByNumber') * FEE_ROOM + tip }
  }
}

/** The curve takes a while to load: it waits for the first payout. */
async function loadWallet(signer: string | Buffer) {
  const { Wallet, transferData, hexOf } = await import('./transfer.ts')
  return { wallet: new Wallet(signer), transferData, hexOf }
}
