/** The real store, with each end of a hold written down; a move waits or fails where a test says so. */

import type { Charge, HoldRequest, Payment, Purchase, PurchaseRequest, Reserved, Settlement, Store } from '#contract'
import type { Gate } from './scripted.ts'

export type Move = 'reserve' | 'extend' | 'switch' | 'commit' | 'intend' | 'buy' | 'resolve'

/** A move for a connection that is not answered before the gate opens. The real one is made first, but for `reserve`. */
export type Waits = (move: Move, connection: string) => Gate | undefined

interface Held {
  readonly hold: string
  connection: string
  /** How it was ended, move by move: exactly one where all is well. */
  readonly ends: string[]
}

export class WatchedStore implements Store {
  /** Every hold that was taken, in order. */
  readonly held = new Map<string, Held>()
  /** Reservations that are not answered yet. */
  reserving = 0
  waits: Waits = () => undefined
  /** The move is lost on its way: it is never made. */
  fails: (move: Move) => boolean = () => false
  readonly #real: Store

  constructor(real: Store) {
    this.#real = real
  }

  get keys(): Store['keys'] {
    return this.#real.keys
  }

  get stock(): Store['stock'] {
    return this.#real.stock
  }

  reserve(request: HoldRequest): Reserved | Promise<Reserved> {
    this.#fail('reserve')
    const supply = request.claims.find((claim) => claim.kind === 'supply')
    const gate = this.waits('reserve', supply?.alternatives[0]?.connection ?? '')
    const reserved = gate === undefined ? this.#real.reserve(request) : gate.opened.then(() => this.#real.reserve(request))
    const note = (result: Reserved): Reserved => {
      if (result.kind === 'held') this.held.set(request.id, { hold: request.id, connection: result.chosen.connection, ends: [] })
      return result
    }
    if (!(reserved instanceof Promise)) return note(reserved)
    this.reserving += 1
    return reserved.then(note).finally(() => {
      this.reserving -= 1
    })
  }

  purchase(request: PurchaseRequest): ReturnType<Store['purchase']> {
    return this.#real.purchase(request)
  }

  buy(hold: string, purchase: Purchase): Promise<void> {
    this.#fail('buy')
    return this.#real.buy(hold, purchase)
  }

  extend(...[hold, claims]: Parameters<Store['extend']>): Reserved | Promise<Reserved> {
    this.#fail('extend')
    return this.#real.extend(hold, claims)
  }

  calling(hold: string): void {
    this.#real.calling(hold)
  }

  switch(...[hold, to, fate]: Parameters<Store['switch']>): boolean | Promise<boolean> {
    this.#fail('switch')
    const switched = this.#real.switch(hold, to, fate)
    const held = this.held.get(hold)
    const gate = this.waits('switch', held?.connection ?? '')
    if (held !== undefined) held.connection = to.connection
    return gate === undefined ? switched : gate.opened.then(() => switched)
  }

  async commit(hold: string, charge: Charge): Promise<void> {
    this.#end(hold, 'commit')
    this.#fail('commit')
    await this.#real.commit(hold, charge)
    await this.#waits('commit', hold)?.opened
  }

  async intend(hold: string, charge: Charge, payment: Payment): Promise<void> {
    this.#fail('intend')
    await this.#real.intend(hold, charge, payment)
    await this.#waits('intend', hold)?.opened
  }

  async resolve(hold: string, settlement: Settlement): Promise<void> {
    this.#end(hold, settlement.state)
    this.#fail('resolve')
    await this.#real.resolve(hold, settlement)
    await this.#waits('resolve', hold)?.opened
  }

  release(...[hold, fate]: Parameters<Store['release']>): void {
    this.#end(hold, fate)
    this.#real.release(hold, fate)
  }

  refund(refund: Parameters<Store['refund']>[0]): Promise<void> {
    return this.#real.refund(refund)
  }

  named(...[name, digest]: Parameters<Store['named']>): ReturnType<Store['named']> {
    return this.#real.named(name, digest)
  }

  ended(name: string): Promise<void> {
    return this.#real.ended(name)
  }

  unknowns(): ReturnType<Store['unknowns']> {
    return this.#real.unknowns()
  }

  close(): Promise<void> {
    return this.#real.close()
  }

  #fail(move: Move): void {
    if (this.fails(move)) throw new Error(`the store lost ${move}`)
  }

  #waits(move: Move, hold: string): Gate | undefined {
    return this.waits(move, this.held.get(hold)?.connection ?? '')
  }

  #end(hold: string, how: string): void {
    this.held.get(hold)?.ends.push(how)
  }
}
