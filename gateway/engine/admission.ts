/**
 * Steps 2 to 4 of a call: what the chain says, what the store gives, what a facilitator confirms. Ends once, by `done`,
 * unless it is cancelled; a cancelled admission gives back what it holds.
 *
 *   reserving | waiting → authorizing → ended
 */
import {
  type Alternative,
  type Claim,
  isRefusal,
  type Named,
  type Payer,
  payerOf,
  type RateState,
  type Refusal,
  type Reserved,
  refuse,
  type StoreClaim,
  type StoredAnswer,
  type Usd,
  unreachable,
} from '#contract'
import type { EngineCall } from './call.ts'
import { keyName, nameClaims } from './names.ts'
import type { EnginePorts } from './ports.ts'
import { pending } from './settle.ts'
import { unpaidRefusal } from './unpaid.ts'

export type Admitted =
  | { readonly kind: 'held'; readonly hold: string; readonly chosen: Alternative; readonly payer: Payer; readonly available: Usd | undefined }
  | { readonly kind: 'stored'; readonly answer: StoredAnswer }
  /** `price`: at which the call could be served now, where that differs from the quote. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly price: Usd | undefined }

export class Admission {
  readonly #ports: EnginePorts
  readonly #call: EngineCall
  readonly #done: (admitted: Admitted) => void
  #state: 'new' | 'reserving' | 'waiting' | 'authorizing' | 'ended' = 'new'
  #payer: Payer = { by: 'nobody' }
  #hold: string | undefined
  /** What belongs to a wallet, for the second move. */
  #later: StoreClaim[] = []
  /** Of the consumer's pace, once it was looked at. */
  rate: RateState | undefined

  constructor(ports: EnginePorts, call: EngineCall, done: (admitted: Admitted) => void) {
    this.#ports = ports
    this.#call = call
    this.#done = done
  }

  get state(): 'new' | 'reserving' | 'waiting' | 'authorizing' | 'ended' {
    return this.#state
  }

  cancel(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#giveBack()
  }

  /** Facts come from plugins: one that throws, wherever it is first asked, refuses the call. */
  start(): void {
    try {
      this.#admit()
    } catch (error) {
      this.#lost(error)
    }
  }

  #admit(): void {
    const claims = this.#call.chain.admit(this.#call)
    if (isRefusal(claims)) return this.#refuse(claims)
    this.#payer = payerOf(this.#call)
    if (this.#payer.by === 'nobody') return this.#unpaid()
    const names = nameClaims(this.#call)
    if (isRefusal(names)) return this.#refuse(names)
    const slot: Claim = { kind: 'slot', key: this.#call.consumer.id, of: 'consumer', limit: this.#ports.concurrentPerConsumer }
    this.#reserve([...names, slot, ...claims])
  }

  /** Without a payer only a replay may be had; its refusal is the 402. */
  #unpaid(): void {
    const name = keyName(this.#call)
    const named: Named | Promise<Named> = name === undefined ? { state: 'absent' } : this.#ports.store.named(name, this.#call.digest)
    if (!(named instanceof Promise)) return this.#unpaidNamed(named, name as string)
    this.#state = 'reserving'
    this.#ports.patience
      .within(named, () => undefined)
      .then((later) => {
        if (this.#state === 'reserving') this.#unpaidNamed(later, name as string)
      })
      .catch((error) => this.#lost(error))
  }

  #unpaidNamed(named: Named, name: string): void {
    if (named.state === 'absent') return this.#refuse(unpaidRefusal(this.#call, this.#ports.store.stock, this.#ports.clock.nowMs()))
    this.#named(named, name, () => this.#unpaid())
  }

  #reserve(claims: readonly Claim[]): void {
    const wallet = this.#call.consumer.kind === 'wallet'
    const now: StoreClaim[] = []
    this.#later = []
    for (const claim of claims) {
      if (claim.kind === 'unpaid') continue
      if (wallet && 'of' in claim && claim.of === 'consumer') this.#later.push(claim)
      else now.push(claim)
    }
    this.#state = 'reserving'
    const id = `rc_${this.#call.receivedAtMs.toString(36)}${this.#ports.chance.hex(16)}`
    const { consumer } = this.#call
    const key = consumer.kind === 'key' || consumer.kind === 'owner' ? { key: consumer.keyId } : undefined
    const reserved = this.#ports.store.reserve({ id, claims: now, ...key })
    if (!(reserved instanceof Promise)) return this.#reserved(id, reserved, claims)
    this.#ports.patience
      .within(reserved, (late) => this.#undo(id, late))
      .then((later) => this.#reserved(id, later, claims))
      .catch((error) => this.#lost(error))
  }

  /** Reserved after the call was refused. */
  #undo(id: string, { kind }: Reserved): void {
    if (kind === 'held') this.#ports.store.release(id, 'returned')
  }

  #reserved(id: string, reserved: Reserved, claims: readonly Claim[]): void {
    if (reserved.kind === 'held') this.#hold = id
    if (this.#state !== 'reserving') return this.#giveBack()
    if (reserved.kind === 'named') return this.#named(reserved.named, reserved.name, () => this.#reserve(claims))
    this.rate = reserved.rate
    if (reserved.kind === 'refused') return this.#refuseReserved(reserved)
    if (this.#payer.by === 'x402') void this.#authorize(reserved.chosen)
    else this.#held(reserved.chosen, reserved.available)
  }

  /** What must be asked outside is asked now. A wallet's own claims follow, since only now is it known. */
  async #authorize(chosen: Alternative): Promise<void> {
    this.#state = 'authorizing'
    const refusal = await this.#call.chain.authorize(this.#call)
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
    if (second.kind === 'refused') this.#refuseReserved(second)
    else this.#held(chosen)
  }

  /** The same call is under way, was answered, or nobody knows. */
  #named(named: Exclude<Named, { state: 'absent' }>, name: string, again: () => void): void {
    switch (named.state) {
      case 'waiting':
        return this.#wait(name, again)
      case 'stored':
        return this.#end({ kind: 'stored', answer: named.answer })
      case 'unknown':
        return this.#refuse(pending('the settlement of this call is not known yet'))
      case 'gone':
        return this.#refuse(
          refuse('replay_unavailable', `the answer is no longer stored; the call's receipt is ${named.receipt}`, { members: { receipt: named.receipt } }),
        )
      case 'conflict':
        return this.#refuse(refuse('idempotency_conflict', 'the same Idempotency-Key or payment was used for another request'))
      default:
        unreachable(named)
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
    const hold = this.#hold as string
    this.#hold = undefined
    this.#end({ kind: 'held', hold, chosen, payer: this.#payer, available })
  }

  #refuseReserved({ code, detail, retryAfterSeconds, price }: Extract<Reserved, { kind: 'refused' }>): void {
    this.#refuse(refuse(code, detail, retryAfterSeconds === undefined ? {} : { retryAfterSeconds }), price)
  }

  #lost(cause: unknown): void {
    if (this.#state !== 'ended') this.#refuse(refuse('unavailable', 'a part of the gateway is out of reach; nothing was charged', { cause }))
  }

  #refuse(refusal: Refusal, price?: Usd): void {
    this.#giveBack()
    this.#end({ kind: 'refused', refusal, price })
  }

  #giveBack(): void {
    const hold = this.#hold
    this.#hold = undefined
    if (hold !== undefined) this.#ports.store.release(hold, 'returned')
  }

  #end(admitted: Admitted): void {
    this.#state = 'ended'
    this.#done(admitted)
  }
}
