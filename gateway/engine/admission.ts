/**
 * Steps 2 to 4 of a call: what the chain says, what the store gives, what a facilitator confirms. Ends once, by `done`,
 * unless it is cancelled; a cancelled admission gives back what it holds.
 *
 *   preparing → reserving | waiting → authorizing → (paying) → ended
 */
import type { Alternative, Claim, Named, Payer, Payment, RateState, Refusal, Reserved, StoreClaim, Usd } from '#contract'
import { isRefusal, payerOf, refuse } from '#contract'
import type { EngineCall } from './call.ts'
import { keyName, nameClaims, paymentName } from './names.ts'
import type { EnginePorts } from './ports.ts'
import { type AdmissionState, type Admitted, askingOf, CROWDED, NOTHING_TO_LEAVE, refusalOfNamed, refusalOfReserved } from './admitted.ts'
import { fittingClaims, holdRequestOf, movesOf } from './claims.ts'
import { prepay } from './settle.ts'
import { unpaidRefusal } from './unpaid.ts'

export class Admission {
  readonly #ports: EnginePorts
  readonly #call: EngineCall
  readonly #done: (admitted: Admitted) => void
  #state: AdmissionState = 'new'
  #payer: Payer = { by: 'nobody' }
  #hold: string | undefined
  /** Of a payment that is not verified yet. */
  #leave: () => void = NOTHING_TO_LEAVE
  /** The wallet has to pay before the call is made. */
  #upfront = false
  /** What belongs to a wallet, for the second move. */
  #later: readonly StoreClaim[] = []
  /** Of the consumer's pace, once it was looked at. */
  rate: RateState | undefined

  constructor(ports: EnginePorts, call: EngineCall, done: (admitted: Admitted) => void) {
    this.#ports = ports
    this.#call = call
    this.#done = done
  }

  get state(): AdmissionState {
    return this.#state
  }

  /** What is being settled is held until its outcome is known. */
  cancel(): void {
    if (this.#state === 'ended') return
    const isPaying = this.#state === 'paying'
    this.#state = 'ended'
    if (!isPaying) this.#giveBack()
  }

  /** Facts come from plugins: one that throws, wherever it is first asked, refuses the call. */
  start(): void {
    try {
      const preparing = this.#call.chain.prepare(this.#call)
      if (preparing === undefined) return this.#admit()
      this.#state = 'preparing'
      const ready = (): void => (this.#state === 'preparing' ? this.#admit() : undefined)
      preparing.then(ready).catch((error) => this.#lost(error))
    } catch (error) {
      this.#lost(error)
    }
  }

  #admit(): void {
    const claims = this.#call.chain.admit(this.#call)
    if (isRefusal(claims)) return this.#replayOr(() => claims, claims.payment === undefined ? [] : [{ name: paymentName(claims.payment) }])
    this.#payer = payerOf(this.#call)
    if (this.#payer.by === 'nobody') return this.#unpaid()
    const names = nameClaims(this.#call)
    if (isRefusal(names)) return this.#refuse(names)
    const slot: Claim = { kind: 'slot', key: this.#call.consumer.id, of: 'consumer', limit: this.#ports.concurrentPerConsumer }
    const fitting = fittingClaims(this.#ports, this.#call, claims)
    if (isRefusal(fitting)) return this.#replayOr(() => fitting, names)
    const all = [...names, slot, ...fitting]
    if (this.#payer.by === 'x402') this.#queue(names[0]?.name ?? '', all)
    else this.#reserve(all)
  }

  /** A payment that was shown before needs no room of its own: it is looked up first. */
  #queue(name: string, claims: readonly Claim[]): void {
    const { store, patience, unverified } = this.#ports
    const leave = unverified.enter(askingOf(this.#call))
    if (leave !== undefined) {
      this.#leave = leave
      return this.#reserve(claims)
    }
    this.#state = 'queueing'
    const known = store.named(name, this.#call.digest)
    const looked = known instanceof Promise ? patience.within(known, () => undefined) : Promise.resolve(known)
    looked
      .then(async (named) => {
        if (this.#state !== 'queueing') return
        if (named.state !== 'absent') return this.#named(named, name, () => this.#queue(name, claims))
        const turn = await unverified.wait(askingOf(this.#call))
        this.#leave = turn ?? NOTHING_TO_LEAVE
        if (this.#state !== 'queueing') this.#leaves()
        else if (turn === undefined) this.#refuse(CROWDED)
        else this.#reserve(claims)
      })
      .catch((error) => this.#lost(error))
  }

  #leaves(): void {
    this.#leave()
    this.#leave = NOTHING_TO_LEAVE
  }

  /** Without a payer only a replay may be had; its refusal is the 402. */
  #unpaid(): void {
    const name = keyName(this.#call)
    this.#replayOr(() => unpaidRefusal(this.#call, this.#ports), name === undefined ? [] : [{ name }])
  }

  /** What was stored under one of the names, or else the refusal. */
  #replayOr(refusal: () => Refusal, names: readonly { readonly name: string }[], at = 0): void {
    const name = names[at]?.name
    if (name === undefined) return this.#refuse(refusal())
    const next = (named: Named): void => {
      if (named.state === 'absent') this.#replayOr(refusal, names, at + 1)
      else this.#named(named, name, () => this.#replayOr(refusal, names))
    }
    const named = this.#ports.store.named(name, this.#call.digest)
    if (!(named instanceof Promise)) return next(named)
    this.#state = 'reserving'
    this.#ports.patience
      .within(named, () => undefined)
      .then((later) => (this.#state === 'reserving' ? next(later) : undefined))
      .catch((error) => this.#lost(error))
  }

  #reserve(claims: readonly Claim[]): void {
    const { now, later } = movesOf(claims, this.#call.consumer)
    this.#later = later
    this.#state = 'reserving'
    const request = holdRequestOf(this.#call, now, this.#ports.chance)
    const reserved = this.#ports.store.reserve(request)
    if (!(reserved instanceof Promise)) return this.#reserved(request.id, reserved, claims)
    this.#ports.patience
      // Reserved after the call was refused: it is undone.
      .within(reserved, (late) => (late.kind === 'held' ? this.#ports.store.release(request.id, 'returned') : undefined))
      .then((later) => this.#reserved(request.id, later, claims))
      .catch((error) => this.#lost(error))
  }

  #reserved(id: string, reserved: Reserved, claims: readonly Claim[]): void {
    if (reserved.kind === 'held') this.#hold = id
    if (this.#state !== 'reserving') return this.#giveBack()
    if (reserved.kind === 'named') {
      this.#leaves()
      const again = this.#payer.by === 'x402' ? (): void => this.#queue(reserved.name, claims) : (): void => this.#reserve(claims)
      return this.#named(reserved.named, reserved.name, again)
    }
    this.rate = reserved.rate
    if (reserved.kind === 'refused') return this.#refuse(refusalOfReserved(reserved), reserved.price)
    this.#upfront = reserved.upfront === true
    if (this.#payer.by === 'x402') void this.#authorize(reserved.chosen)
    else this.#held(reserved.chosen, reserved.available)
  }

  /** What must be asked outside is asked now. A wallet's own claims follow, since only now is it known. */
  async #authorize(chosen: Alternative): Promise<void> {
    this.#state = 'authorizing'
    const refusal = await this.#call.chain.authorize(this.#call)
    this.#leaves()
    if (this.#state !== 'authorizing') return
    if (refusal !== undefined) return this.#refuse(refusal)
    if (this.#later.length === 0) return this.#held(chosen)
    try {
      const extended = this.#ports.store.extend(this.#hold as string, this.#later)
      // One that comes too late belongs to a hold that is given back as a whole.
      const second = extended instanceof Promise ? await this.#ports.patience.within(extended, () => undefined) : extended
      if (this.#state === 'authorizing') this.#extended(second, chosen)
    } catch (error) {
      this.#lost(error)
    }
  }

  #extended(second: Reserved, chosen: Alternative): void {
    if (second.kind === 'named') {
      this.#giveBack()
      return this.#named(second.named, second.name, () => this.start())
    }
    this.rate = second.rate
    if (second.kind === 'refused') this.#refuse(refusalOfReserved(second), second.price)
    else this.#held(chosen)
  }

  /** The same call is under way, was answered, or nobody knows. */
  #named(named: Exclude<Named, { state: 'absent' }>, name: string, again: () => void): void {
    switch (named.state) {
      case 'waiting':
        return this.#wait(name, again)
      case 'stored':
        return this.#end({ kind: 'stored', answer: named.answer })
      default:
        return this.#refuse(refusalOfNamed(named))
    }
  }

  #wait(name: string, again: () => void): void {
    this.#state = 'waiting'
    this.#ports.store
      .ended(name)
      .then(() => {
        if (this.#state === 'waiting') again()
      })
      .catch((error) => this.#lost(error))
  }

  #held(chosen: Alternative, available?: Usd): void {
    const payer = this.#payer
    if (payer.by === 'x402' && (payer.payment.upfront || this.#upfront)) return void this.#pay(chosen, payer.payment)
    const hold = this.#hold as string
    this.#hold = undefined
    this.#end({ kind: 'held', hold, chosen, payer, available, paid: [] })
  }

  /** Settled before the call. Whatever becomes of the client meanwhile, what was paid is his credit. */
  async #pay(chosen: Alternative, payment: Payment): Promise<void> {
    this.#state = 'paying'
    const hold = this.#hold as string
    this.#hold = undefined
    const paid = await prepay(this.#ports, this.#call, payment, hold)
    if (paid.state === 'charged' && this.#state !== 'paying') return this.#ports.store.release(hold, 'returned')
    if (this.#state !== 'paying') return
    if (paid.state === 'charged') this.#end({ kind: 'held', hold, chosen, payer: { by: 'upfront', payment }, available: undefined, paid: paid.headers })
    else this.#end({ kind: 'refused', refusal: paid.refusal, price: undefined })
  }

  #lost(cause: unknown): void {
    if (this.#state !== 'ended') this.#refuse(refuse('unavailable', 'a part of the gateway is out of reach; nothing was charged', { cause }))
  }

  #refuse(refusal: Refusal, price?: Usd): void {
    this.#giveBack()
    this.#end({ kind: 'refused', refusal, price })
  }

  #giveBack(): void {
    this.#leaves()
    const hold = this.#hold
    this.#hold = undefined
    if (hold !== undefined) this.#ports.store.release(hold, 'returned')
  }

  #end(admitted: Admitted): void {
    this.#state = 'ended'
    this.#done(admitted)
  }
}
