/**
 * Prepaid credits: bought with one x402 payment that settles before anything is credited, spent by key or
 * by a wallet that signs in. A purchase is one hold of the store; what it gives is found again by whoever has the payment.
 */
import type { Begun, EpochMs, KeyRecord, NameClaim, Payment, Refusal, Settlement, Till, Usd } from '#contract'
import { dollars, formatUsd, refuse } from '#contract'
import type { Ground } from '../ground/index.ts'
import { actOf, newKey } from './keys.ts'
import { isPaid, type Ordered, orderIn, resourceOf, misfit } from './order.ts'
import { again, type Buying, type CreditsAnswer, digestOf, nameOf } from './purchase-names.ts'

export interface CreditsAsk {
  readonly address: string
  readonly loopback: boolean
  readonly body: Uint8Array
  header(name: string): string | undefined
}

export interface CreditDeskParts {
  readonly ground: Ground
  readonly till: Till
  readonly origin: () => string
  /** Cheapest price of one unit of an API; undefined where it is not sold. */
  readonly unitPrice: (api: string) => Usd | undefined
  /** A settlement has become unknown. */
  readonly unknown: () => void
}

const DAY_MS = 86_400_000
const MOST_AN_ADDRESS = 8
const MOST_AT_ONCE = 256
const RETRY_SECONDS = 2

export class CreditDesk {
  readonly #parts: CreditDeskParts
  readonly #busy = new Map<string, number>()
  #open = 0

  constructor(parts: CreditDeskParts) {
    this.#parts = parts
  }

  /** `key`: whose balance is topped up; undefined: that of the wallet that pays. */
  async buy(ask: CreditsAsk, key: KeyRecord | undefined): Promise<CreditsAnswer | Refusal> {
    const order = orderIn(ask.body, this.#parts.unitPrice)
    if ('code' in order) return order
    const replayed = await this.#byIdempotencyKey(ask, key, order)
    if (replayed !== undefined) return replayed
    const { till } = this.#parts
    const shown = till.read(
      (name) => ask.header(name),
      () => resourceOf(this.#parts, order),
    )
    if (shown === undefined) return this.#offer(refuse('payment_required', `the credits cost ${dollars(order.price)}`), order)
    const unfit = misfit(shown, order)
    if (unfit !== undefined) return (await this.#bought(unfit.payment, order, key)) ?? this.#offer(unfit.refusal, order)
    const { payment } = shown as { readonly payment: Payment }
    return this.#within(ask, () => this.#purchase(ask, { order, payment, key }))
  }

  /** Prices and wallets change with a reload: what a payment has bought before is found by it until its validBefore. */
  async #bought(payment: Payment | undefined, order: Ordered, key: KeyRecord | undefined): Promise<CreditsAnswer | Refusal | undefined> {
    if (payment === undefined) return undefined
    const name = `p:${payment.digest}`
    const account = key?.account ?? `wallet:${payment.payer}`
    for (;;) {
      const named = await this.#parts.ground.store.named(name, digestOf(order, key))
      if (named.state === 'absent') return undefined
      const told = await this.#named({ kind: 'named', named, name }, { account, payment }, order)
      if (told !== undefined) return told
    }
  }

  /** A payment is shown that buys here what is ordered. */
  takes(ask: CreditsAsk): boolean {
    return isPaid(ask, this.#parts)
  }

  /** Purchases take no quota, but each may ask a facilitator: few at once for an address. */
  async #within<T>({ address, loopback }: CreditsAsk, work: () => Promise<T>): Promise<T | Refusal> {
    const busy = this.#busy.get(address) ?? 0
    if (this.#open >= MOST_AT_ONCE || (busy >= MOST_AN_ADDRESS && !loopback))
      return refuse('rate_limited', 'too many purchases at once; the payment was not used', { retryAfterSeconds: RETRY_SECONDS })
    this.#open += 1
    this.#busy.set(address, busy + 1)
    try {
      return await work()
    } finally {
      this.#open -= 1
      const left = (this.#busy.get(address) ?? 1) - 1
      if (left > 0) this.#busy.set(address, left)
      else this.#busy.delete(address)
    }
  }

  async #purchase(
    ask: CreditsAsk,
    { order, payment, key }: { order: Ordered; payment: Payment; key: KeyRecord | undefined },
  ): Promise<CreditsAnswer | Refusal> {
    const { clock, chance, store } = this.#parts.ground
    const names = this.#names(ask, payment, order, key)
    if ('code' in names) return names
    const account = key?.account ?? `wallet:${payment.payer}`
    const id = `rc_${clock.nowMs().toString(36)}${chance.hex(16)}`
    const buying: Buying = { id, account, payment, names, keyId: key?.id }
    for (;;) {
      const begun: Begun = await store.purchase({
        id,
        payment,
        claims: [...names, this.#parts.till.once(payment)],
        ...(key === undefined ? {} : { key: key.id }),
      })
      if (begun.kind === 'begun') return this.#settle(buying, order)
      if (begun.kind === 'refused') return this.#offer(refuse(begun.code, begun.detail, again(begun.retryAfterSeconds)), order)
      const told = await this.#named(begun, buying, order)
      if (told !== undefined) return told
    }
  }

  /** The payment's own bytes, and the key where one is sent: either finds the purchase again. */
  #names(ask: CreditsAsk, payment: Payment, order: Ordered, key: KeyRecord | undefined): readonly NameClaim[] | Refusal {
    const named = { kind: 'name', digest: digestOf(order, key), durable: false } as const
    const names: NameClaim[] = [{ ...named, name: `p:${payment.digest}`, of: 'payment', untilMs: payment.validBeforeMs }]
    const idempotency = ask.header('idempotency-key')
    if (idempotency === undefined) return names
    const name = nameOf(idempotency, key)
    if (typeof name !== 'string') return name
    return [...names, { ...named, name, of: 'consumer', untilMs: (this.#parts.ground.clock.nowMs() + DAY_MS) as EpochMs }]
  }

  /** Undefined: it is not under way any more, and may be tried. */
  async #named(
    begun: Extract<Begun, { kind: 'named' }>,
    buying: Pick<Buying, 'account' | 'payment'>,
    order: Ordered,
  ): Promise<CreditsAnswer | Refusal | undefined> {
    const { named, name } = begun
    if (named.state === 'waiting') {
      await this.#parts.ground.store.ended(name)
      return undefined
    }
    if (named.state === 'unknown') return refuse('payment_pending', 'the settlement of this purchase is not known yet', again(RETRY_SECONDS))
    if (named.state === 'conflict') return refuse('idempotency_conflict', 'the same Idempotency-Key or payment was used for another request')
    // Whoever reads the chain could write a version 1 payment; the key is for the one who has more than that.
    return this.#answer(named.receipt, { ...buying, secret: buying.payment.quote !== undefined || name.startsWith('w:') }, [], order)
  }

  async #settle({ id, account, payment }: Buying, order: Ordered): Promise<CreditsAnswer | Refusal> {
    const { ground, till, unknown } = this.#parts
    const { store, log } = ground
    let begun = false
    try {
      const refusal = await till.verify(payment)
      if (refusal !== undefined) {
        store.release(id, 'returned')
        return this.#offer(refusal, order)
      }
      begun = true
      await store.buy(id, { account, payment })
    } catch (cause) {
      if (!begun) store.release(id, 'returned')
      return refuse('unavailable', 'the settlement could not be written down, so it was not begun; nothing was paid', { cause })
    }
    const settlement: Settlement = await till.settle(payment).catch((cause: unknown) => ({ state: 'unknown', cause }))
    try {
      await store.resolve(id, settlement)
    } catch (cause) {
      log.error({ hold: id, cause: String(cause) }, 'the outcome of a settlement could not be written down')
      return refuse('payment_pending', 'the settlement of this purchase could not be written down yet', again(RETRY_SECONDS))
    }
    switch (settlement.state) {
      case 'settled':
        return this.#answer(id, { account, payment, secret: true }, Object.entries(settlement.headers).flat(), order)
      case 'not_settled':
        return this.#offer(refuse('payment_invalid', `the payment could not be settled: ${settlement.reason}`, { headers: settlement.headers ?? {} }), order)
      case 'unknown':
        log.warn({ hold: id, cause: String(settlement.cause) }, 'the outcome of a settlement is not known')
        unknown()
        return refuse('payment_pending', 'the settlement of this purchase is not known yet', again(RETRY_SECONDS))
    }
  }

  // ---------------------------------------------------------------- what it gives

  async #answer(
    receipt: string,
    { account, payment, secret }: Pick<Buying, 'account' | 'payment'> & { readonly secret: boolean },
    headers: readonly string[],
    order: Ordered,
  ): Promise<CreditsAnswer> {
    const { admin } = this.#parts.ground
    const key = secret && account === `wallet:${payment.payer}` ? await this.#keyFor(account, `purchase ${receipt}`) : undefined
    const balance = formatUsd(await admin.balance(account))
    const body = {
      balance,
      credited: formatUsd(payment.amount),
      wallet: payment.payer,
      ...(key === undefined ? {} : { id: key.id, key: key.key }),
      ...order.shown,
    }
    return { headers: [...headers, 'x-atlas-receipt', receipt], body }
  }

  /** A wallet without a key gets one; asked again it gets a new one in its place, because the first was shown once and may be lost. */
  async #keyFor(account: string, note: string): Promise<{ id: string; key: string } | undefined> {
    const { admin, store } = this.#parts.ground
    for (;;) {
      const { key, id, hash } = newKey()
      const keys = store.keys.ofAccount(account)
      const before = keys.find((one) => one.note === note)
      if (before === undefined && keys.length > 0) return undefined
      if (before === undefined) await admin.createKey({ id, hash, role: 'consumer', account, credits: 0n as Usd, note }, actOf('key.create', id, account, note))
      else if ((await admin.rotateKey(before.id, { id, hash }, actOf('key.rotate', before.id, account, note))) === undefined) continue
      return { id, key }
    }
  }

  /** An unpaid retry by a client that lost the answer: whoever has the key that nobody guesses has the purchase. */
  async #byIdempotencyKey(ask: CreditsAsk, key: KeyRecord | undefined, order: Ordered): Promise<CreditsAnswer | Refusal | undefined> {
    const idempotency = ask.header('idempotency-key')
    const isPaid = ask.header('payment-signature') !== undefined || ask.header('x-payment') !== undefined
    if (idempotency === undefined || isPaid) return undefined
    const name = nameOf(idempotency, key)
    if (typeof name !== 'string') return name
    const named = await this.#parts.ground.store.named(name, digestOf(order, key))
    switch (named.state) {
      case 'absent':
        return undefined
      case 'waiting':
      case 'unknown':
        return refuse('payment_pending', 'the settlement of this purchase is not known yet', again(RETRY_SECONDS))
      case 'conflict':
        return refuse('idempotency_conflict', 'the same Idempotency-Key was used for another request')
      default:
        return refuse('replay_unavailable', `the purchase ${named.receipt} is done; its payment, sent again, shows what it gave`, {
          members: { receipt: named.receipt },
        })
    }
  }

  /** A 402 carries what both versions pay by. */
  #offer(refusal: Refusal, order: Ordered): Refusal {
    if (!PAYABLE.has(refusal.code)) return refusal
    const { headers, members } = this.#parts.till.challenge(resourceOf(this.#parts, order), order.price, refusal.detail)
    return { ...refusal, headers: { ...headers, ...refusal.headers }, members: { ...members, amount: formatUsd(order.price), ...refusal.members } }
  }
}

const PAYABLE: ReadonlySet<string> = new Set(['payment_required', 'payment_invalid'])
