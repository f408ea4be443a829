/**
 * The sandbox's facilitator: real signatures, play money. It checks a payment of scheme exact on EVM (EIP-3009) as a real
 * facilitator does, in the same order and with the same reasons, against balances that exist in this process only.
 */

import type { Clock, Facilitator, FacilitatorAnswer, FacilitatorRequest, FacilitatorState, Network } from '../contract/index.ts'
import { findNetwork, networks } from '../contract/index.ts'
import { idOfText, transferDigest } from '../evm/eip712.ts'
import { recoverAddress } from '../evm/signature.ts'
import { type Asked, readRequest } from './request.ts'

// Memory stays bounded: about 200 bytes an entry. Beyond these the least recently used are forgotten, which in play money
// means that a wallet has its first balance again and an old payment could be settled again.
const MOST_WALLETS = 100_000
const MOST_AUTHORIZATIONS = 100_000
const MOST_SIGNERS = 2_000

/** Seconds that a settlement may take: real facilitators refuse what expires sooner. */
const TIME_TO_SETTLE = 6n

/** "play" in hex: the first four bytes of every transaction id made here, so that none is taken for a real one. */
const PLAY = '706c6179'

export interface PlayFacilitator extends Facilitator {
  /** Atomic units that a wallet has left; every wallet begins with `startingBalance`. */
  balance(address: string): bigint
}

export interface PlayOptions {
  readonly clock: Pick<Clock, 'nowMs'>
  /** Atomic units: 100_000_000 is $100 in USDC. */
  readonly startingBalance: bigint
}

/** Sets and makes it the youngest; the oldest goes when there are more than `most`. */
function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}

const answer = (body: Readonly<Record<string, unknown>>): FacilitatorAnswer => ({ kind: 'answer', status: 200, body })

const byPayer = (payer: string | undefined) => (payer === undefined ? {} : { payer })
const invalid = (invalidReason: string, payer: string | undefined) => answer({ isValid: false, invalidReason, ...byPayer(payer) })
const failed = (errorReason: string, network: string, payer: string | undefined) =>
  answer({ success: false, errorReason, transaction: '', network, ...byPayer(payer) })

/** One authorization is one id, whatever its amount or signature: EIP-3009 marks (from, nonce) as used in one token. */
const transactionOf = ({ domain, transfer }: Asked): string =>
  `0x${PLAY}${idOfText(`${domain.chainId}:${domain.verifyingContract}:${transfer.from}:${transfer.nonce}`.toLowerCase()).slice(PLAY.length)}`

class PlayMoney implements PlayFacilitator {
  readonly name = 'sandbox'
  readonly #sums = { verify: { asked: 0, answered: 0, refused: 0, lost: 0 }, settle: { asked: 0, answered: 0, refused: 0, lost: 0 } }
  readonly #options: PlayOptions
  readonly #balances = new Map<string, bigint>()
  /** Transaction id -> second in which it expires anyway. */
  readonly #used = new Map<string, bigint>()
  /** Digest and signature -> signer, because settle asks again what verify has just found out in a millisecond. */
  readonly #signers = new Map<string, string>()

  constructor(options: PlayOptions) {
    this.#options = options
  }

  balance(address: string): bigint {
    return this.#balances.get(address.toLowerCase()) ?? this.#options.startingBalance
  }

  async verify(request: FacilitatorRequest): Promise<FacilitatorAnswer> {
    return this.#counted('verify', await this.#verified(request))
  }

  async settle(request: FacilitatorRequest): Promise<FacilitatorAnswer> {
    return this.#counted('settle', await this.#settled(request))
  }

  #counted(step: 'verify' | 'settle', said: FacilitatorAnswer): FacilitatorAnswer {
    const sum = this.#sums[step]
    sum.asked += 1
    if (said.kind === 'answer' && (said.body.isValid === true || said.body.success === true)) sum.answered += 1
    else sum.refused += 1
    return said
  }

  async #verified(request: FacilitatorRequest): Promise<FacilitatorAnswer> {
    const asked = readRequest(request)
    if (asked.reason !== undefined) return invalid(asked.reason, asked.payer)
    const reason = this.#reasonAgainst(asked, await this.#signerOf(asked))
    return reason === undefined ? answer({ isValid: true, payer: asked.payer }) : invalid(reason, asked.payer)
  }

  /** Every network that has a USDC, in both versions. */
  async supported(): Promise<FacilitatorAnswer> {
    const kinds = Object.values<Network>(networks).flatMap(({ caip2, v1Name }) => [
      { x402Version: 2, scheme: 'exact', network: caip2 },
      ...(v1Name === undefined ? [] : [{ x402Version: 1, scheme: 'exact', network: v1Name }]),
    ])
    return answer({ kinds, extensions: [], signers: {} })
  }

  get state(): FacilitatorState {
    return { name: this.name, open: false, verify: this.#sums.verify, settle: this.#sums.settle, lastFailure: undefined }
  }

  async #settled(request: FacilitatorRequest): Promise<FacilitatorAnswer> {
    const asked = readRequest(request)
    if (asked.reason !== undefined) return failed(asked.reason, asked.network, asked.payer)
    const signer = await this.#signerOf(asked)
    // nothing is waited for between the checks and the move, so that of two settlements at once one comes too late
    const reason = this.#reasonAgainst(asked, signer)
    if (reason !== undefined) return failed(reason, asked.network, asked.payer)
    return answer({ success: true, transaction: this.#move(asked), network: asked.network, payer: asked.payer, extra: { play: true } })
  }

  /** The order is that of @x402/evm: signature, recipient, time, amount, then what the token itself would say. */
  #reasonAgainst(asked: Asked, signer: string | undefined): string | undefined {
    const { domain, transfer } = asked
    if (signer !== transfer.from) return 'invalid_exact_evm_signature'
    if (transfer.to !== asked.payTo) return 'invalid_exact_evm_recipient_mismatch'
    const now = BigInt(Math.floor(this.#options.clock.nowMs() / 1000))
    if (transfer.validBefore < now + TIME_TO_SETTLE) return 'invalid_exact_evm_payload_authorization_valid_before'
    if (transfer.validAfter > now) return 'invalid_exact_evm_payload_authorization_valid_after'
    if (transfer.value !== asked.amount) return 'invalid_exact_evm_payload_authorization_value_mismatch'
    if (this.#used.has(transactionOf(asked))) return 'invalid_exact_evm_nonce_already_used'
    const usdc = findNetwork(asked.network)?.usdc
    if (usdc !== undefined && usdc.address.toLowerCase() === domain.verifyingContract) {
      if (usdc.name !== domain.name) return 'invalid_exact_evm_token_name_mismatch'
      if (usdc.version !== domain.version) return 'invalid_exact_evm_token_version_mismatch'
    }
    if (this.balance(transfer.from) < transfer.value) return 'invalid_exact_evm_insufficient_balance'
    return undefined
  }

  async #signerOf({ domain, transfer, signature }: Asked): Promise<string | undefined> {
    const digest = transferDigest(domain, transfer)
    const key = Buffer.from(digest).toString('hex') + signature
    const known = this.#signers.get(key)
    if (known !== undefined) return known
    const signer = await recoverAddress(digest, signature)
    if (signer !== undefined) remember(this.#signers, key, signer, MOST_SIGNERS)
    return signer
  }

  #move(asked: Asked): string {
    const { from, to, value, validBefore } = asked.transfer
    remember(this.#balances, from, this.balance(from) - value, MOST_WALLETS)
    remember(this.#balances, to, this.balance(to) + value, MOST_WALLETS)
    const transaction = transactionOf(asked)
    this.#forgetExpired()
    remember(this.#used, transaction, validBefore, MOST_AUTHORIZATIONS)
    return transaction
  }

  /** From the oldest on; an expired authorization is refused for its time, so that its nonce needs no memory. */
  #forgetExpired(): void {
    const now = BigInt(Math.floor(this.#options.clock.nowMs() / 1000))
    for (const [transaction, validBefore] of this.#used) {
      if (validBefore >= now) return
      this.#used.delete(transaction)
    }
  }
}

export const playFacilitator = (options: PlayOptions): PlayFacilitator => new PlayMoney(options)
