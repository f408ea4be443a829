/**
 * Sign-in-with-x: a wallet proves that it is who it says, to spend its credit (CAIP-122; for EVM the text of EIP-4361, signed
 * by EIP-191 or accepted by a contract, ERC-1271). A good header counts as long as it is fresh; shown again it costs one hash.
 */
import { type Clock, sha256, type SignedIn } from '#contract'
import type { NodeRpc } from '../evm/rpc.ts'
import { checksumAddress, contractAccepts, personalDigest, recoverAddress } from '../evm/signature.ts'
import { type SignInMessage, signInText, signInWith } from './sign-in-message.ts'

export interface SignInOptions {
  readonly clock: Pick<Clock, 'nowMs'>
  /** Public URL of this gateway. */
  readonly origin: () => string
  /** CAIP-2 */
  readonly networks: readonly string[]
  readonly node: (network: string) => NodeRpc | undefined
  /** Random bytes as hex. */
  readonly hex: (bytes: number) => string
}

const FRESH_MS = 300_000
/** Of clocks that differ. */
const AHEAD_MS = 60_000
const MOST_GOOD = 10_000
const MOST_BAD = 1_000
const BAD_FOR_MS = 10_000
/** Signatures that are checked in a second: each costs a millisecond, and anybody can send one. Those that are known cost nothing. */
const MOST_A_SECOND = 100
/** Contracts that are asked at once. */
const AT_ONCE = 8

interface Known {
  readonly signedIn: SignedIn
  readonly untilMs: number
}

/** Bounded: the oldest goes. */
function remember(map: Map<string, Known>, key: string, known: Known, most: number): void {
  map.set(key, known)
  if (map.size <= most) return
  for (const oldest of map.keys()) return void map.delete(oldest)
}

const why = (text: string): SignedIn => ({ why: text })

export class SignIn {
  readonly #options: SignInOptions
  readonly #good = new Map<string, Known>()
  readonly #bad = new Map<string, Known>()
  #asking = 0
  #second = 0
  #checked = 0

  constructor(options: SignInOptions) {
    this.#options = options
  }

  /** For a 402: `extensions['sign-in-with-x']`. */
  offer(url: string): Record<string, unknown> {
    const { clock, origin, hex, networks } = this.#options
    const issuedAt = new Date(clock.nowMs())
    const expirationTime = new Date(issuedAt.getTime() + FRESH_MS).toISOString()
    const info = { domain: new URL(origin()).host, uri: url, version: '1', nonce: hex(16), issuedAt: issuedAt.toISOString(), expirationTime }
    return { info, supportedChains: networks.map((chainId) => ({ chainId, type: 'eip191' })), schema: { type: 'object' } }
  }

  known(header: string): SignedIn | undefined {
    const key = sha256(header)
    const found = this.#good.get(key) ?? this.#bad.get(key)
    return found !== undefined && found.untilMs > this.#options.clock.nowMs() ? found.signedIn : undefined
  }

  async verify(header: string): Promise<SignedIn> {
    const message = signInWith(header)
    const untilMs = typeof message === 'string' ? 0 : this.#untilMs(message)
    const signedIn = typeof message === 'string' ? why(message) : typeof untilMs === 'string' ? why(untilMs) : await this.#signer(message)
    if ('wallet' in signedIn) remember(this.#good, sha256(header), { signedIn, untilMs: Number(untilMs) }, MOST_GOOD)
    if ('why' in signedIn) remember(this.#bad, sha256(header), { signedIn, untilMs: this.#options.clock.nowMs() + BAD_FOR_MS }, MOST_BAD)
    return signedIn
  }

  /** Until when it counts, or what is wrong with it. */
  #untilMs({ domain, uri, version, chainId, issuedAt, expirationTime, notBefore }: SignInMessage): number | string {
    const { origin, networks, clock } = this.#options
    const own = new URL(origin())
    if (domain !== own.host) return `the sign-in is for another domain; expected ${own.host}`
    if (!URL.canParse(uri) || new URL(uri).origin !== own.origin) return `the sign-in is for another uri; expected one below ${own.origin}`
    if (version !== '1') return 'the sign-in is of another version; expected "1"'
    if (!networks.includes(chainId)) return `the sign-in is for another chain; expected ${networks.join(' or ')}`
    const now = clock.nowMs()
    const issued = Date.parse(issuedAt)
    const expires = expirationTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(expirationTime)
    const begins = notBefore === undefined ? 0 : Date.parse(notBefore)
    if (Number.isNaN(issued) || Number.isNaN(expires) || Number.isNaN(begins)) return 'the sign-in has a time that is none'
    if (issued > now + AHEAD_MS || begins > now) return 'the sign-in is not valid yet'
    const untilMs = Math.min(issued + FRESH_MS, expires)
    return untilMs <= now ? 'the sign-in has expired; expected one of the last 5 minutes' : untilMs
  }

  #isBusy(): boolean {
    const second = Math.floor(this.#options.clock.nowMs() / 1000)
    if (second !== this.#second) this.#checked = 0
    this.#second = second
    this.#checked += 1
    return this.#checked > MOST_A_SECOND
  }

  async #signer(message: SignInMessage): Promise<SignedIn> {
    if (this.#isBusy()) return { lost: new Error('more sign-ins than are checked in a second') }
    const wallet = message.address.toLowerCase()
    // EIP-4361 wants the capitals of EIP-55 in the text; some clients sign the address as they write it.
    const written = [...new Set([checksumAddress(wallet), message.address])]
    const digests = written.map((address) => personalDigest(signInText({ ...message, address })))
    for (const digest of digests) if ((await recoverAddress(digest, message.signature)) === wallet) return { wallet }
    const node = this.#options.node(message.chainId)
    if (node === undefined) return why('the sign-in was not signed by the wallet that it names')
    if (this.#asking >= AT_ONCE) return { lost: new Error('too many contract wallets are asked at once') }
    this.#asking += 1
    try {
      return (await contractAccepts(node, wallet, digests[0] as Uint8Array, message.signature))
        ? { wallet }
        : why('the sign-in was not signed by the wallet that it names')
    } catch (cause) {
      // A contract that reverts says no; a node that is gone says nothing.
      return isRevert(cause) ? why('the sign-in was not accepted by the wallet that it names') : { lost: cause }
    } finally {
      this.#asking -= 1
    }
  }
}

const isRevert = (cause: unknown): boolean => cause instanceof Error && 'said' in cause && typeof cause.said === 'string' && /revert/i.test(cause.said)
