/** Random moves against a tiny reference: whatever is reserved, charged, given up, moved or survives a crash, both agree. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type Alternative, formatUsd, type Payer, ratio, type StoreClaim, units, type Usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, drivers, type OpenDriver } from '../rig/drivers.ts'
import { seedOf } from '../rig/random.ts'
import { alternative, charge, credits, fund, ownerOf, paymentOf, reserve, share, spend, supply } from '../rig/store.ts'
import { type Move, moves } from './random-moves.ts'
import { CAPS, type Held, Reference, SHARE, type Who } from './reference.ts'

const micros = (amount: bigint) => ratio(amount, 1n)
/** For ever, so that days and months may pass. */
const period = { every: 'none', billingDay: 1, zone: 'UTC' } as const
const connections = [
  connectionOf('cheap', { quota: units(12), reserved: units(4), baseCost: micros(50_000n), markup: ratio(2n, 1n), period }),
  connectionOf('same-1', { quota: units(20), reserved: units(0), period }),
  connectionOf('same-2', { quota: units(25), reserved: units(10), period }),
  connectionOf('dear', { quota: units(500), reserved: units(450), markup: ratio(4n, 1n), period }),
]
const MONEY: readonly [Who, bigint][] = [
  ['k1', 4_000_000n],
  ['k2', 700_000n],
]

const payerOf = (who: Who, signed: bigint): Payer => {
  if (who === 'owner') return ownerOf()
  return who === 'wallet' ? { by: 'x402', payment: paymentOf('$0', { amount: signed as Usd }) } : credits(`key:${who}`)
}

const spenderOf = (who: Who): string => (who === 'wallet' ? 'wallet:0xb' : `key:${who}`)

/** Owners have none. */
function limitsOf(who: Who): StoreClaim[] {
  if (who === 'owner') return []
  const key = spenderOf(who)
  const fair = share(key, connections, { millionths: Number(SHARE) * 10_000 })
  return [fair, spend(key, formatUsd(CAPS.day as Usd), 'day'), spend(key, formatUsd(CAPS.month as Usd), 'month')]
}

const connectionNamed = (name: string): (typeof connections)[number] =>
  connections.find((connection) => connection.name === name) as (typeof connections)[number]
const alternativeOf = ({ on, units }: Held): Alternative => alternative(connectionNamed(on.name), units)

class Run {
  readonly #reference = new Reference(
    connections.map(({ name, quota, reserved, unitPrice }) => ({ name, quota, reserved, unitPrice })),
    MONEY,
  )
  #rig: DriverRig
  #count = 0
  /** Most units that one call has wanted: a lease may be as large. */
  #largest = 1
  readonly #forgets: boolean

  /** `forgets`: this driver keeps shares in memory. */
  constructor(rig: DriverRig, forgets: boolean) {
    this.#rig = rig
    this.#forgets = forgets
    this.#reference.nowMs = rig.clock.nowMs()
  }

  #pick(index: number, ...states: readonly Held['state'][]): [string, Held] | undefined {
    const found = [...this.#reference.holds].filter(([, { state }]) => states.includes(state))
    return found[index % Math.max(1, found.length)]
  }

  async make(move: Move): Promise<string | undefined> {
    switch (move.do) {
      case 'reserve':
        return this.#reserve(move)
      case 'commit':
        return this.#commit(move.of, move.fewer)
      case 'release': {
        const [id] = this.#pick(move.of, 'held') ?? []
        if (id === undefined) return undefined
        this.#rig.store.release(id, move.wasted ? 'wasted' : 'returned')
        this.#reference.release(id, move.wasted)
        return undefined
      }
      case 'switch':
        return this.#switch(move.of, move.to, move.wasted)
      case 'resolve':
        return this.#resolve(move.of, move.state)
      case 'pass':
        this.#rig.clock.pass(move.ms)
        this.#reference.nowMs = this.#rig.clock.nowMs()
        return undefined
      case 'counter':
        return this.#counter(move)
      default:
        return this.#restart(move.do)
    }
  }

  async #reserve({ who, units: count, signed }: Extract<Move, { do: 'reserve' }>): Promise<string | undefined> {
    this.#count += 1
    const id = `call-${this.#count}`
    const expected = this.#reference.reserve(id, who, count, BigInt(signed))
    const reserved = await reserve(this.#rig, id, supply(payerOf(who, BigInt(signed)), connections, count), ...limitsOf(who))
    const found = reserved.kind === 'held' ? reserved.chosen.connection : reserved.kind === 'refused' ? reserved.code : reserved.kind
    if (reserved.kind === 'held') this.#largest = Math.max(this.#largest, count)
    return found === expected ? undefined : `reserve ${count} for ${who} is ${found}, expected ${expected}`
  }

  /** Credits and owners pay; a wallet's call gets an intent. */
  async #commit(index: number, fewer: number): Promise<undefined> {
    const [id, held] = this.#pick(index, 'held') ?? []
    if (id === undefined || held === undefined) return undefined
    const count = held.who === 'wallet' ? held.units : Math.max(0, held.units - fewer)
    const price = held.who === 'owner' ? 0n : held.who === 'wallet' ? held.signed : held.on.unitPrice * BigInt(count)
    const record = charge(alternativeOf(held), count, { price: price as Usd, consumer: spenderOf(held.who) })
    if (held.who === 'wallet') {
      await this.#rig.store.intend(id, record, paymentOf('$0', { amount: held.signed as Usd }))
      held.state = 'intended'
      return undefined
    }
    await this.#rig.store.commit(id, record)
    this.#reference.charge(id, count)
    return undefined
  }

  async #switch(index: number, to: number, wasted: boolean): Promise<string | undefined> {
    const [id, held] = this.#pick(index, 'held') ?? []
    if (id === undefined || held === undefined) return undefined
    const target = connections[to] as (typeof connections)[number]
    const done = await this.#rig.store.switch(id, alternative(target, held.units), wasted ? 'wasted' : 'returned')
    const expected = this.#reference.switch(id, this.#reference.shelves[to] as Held['on'], wasted)
    return done === expected ? undefined : `switch of ${held.who} to ${target.name} is ${done}, expected ${expected}`
  }

  async #resolve(index: number, state: 'settled' | 'not_settled' | 'unknown'): Promise<undefined> {
    const [id, held] = this.#pick(index, 'intended', 'unknown') ?? []
    if (id === undefined || held === undefined) return undefined
    if (state === 'unknown') {
      await this.#rig.store.resolve(id, { state, cause: undefined })
      held.state = 'unknown'
    } else if (state === 'settled') {
      await this.#rig.store.resolve(id, { state, transaction: '0x', headers: {} })
      this.#reference.charge(id, held.units)
    } else {
      await this.#rig.store.resolve(id, { state, reason: 'no' })
      this.#reference.release(id, true)
    }
    return undefined
  }

  /** A provider that has counted what has ended and whatever its owner did elsewhere; it may know less than we do. */
  async #counter({ on, outside, early }: Extract<Move, { do: 'counter' }>): Promise<string | undefined> {
    const shelf = this.#reference.shelves[on] as Held['on']
    const ended = shelf.sold + shelf.own + shelf.wasted
    const used = Math.min(shelf.quota, Math.max(0, ended + outside))
    const before = early ? undefined : Math.max(0, ended - 1)
    this.#reference.counted(shelf, used, before)
    const reading = {
      connection: shelf.name,
      used: units(used),
      askedAtMs: this.#rig.clock.nowMs(),
      endedBefore: before === undefined ? before : units(before),
    }
    await this.#rig.still()
    const state = await this.#rig.admin.external(reading)
    return state?.external === shelf.external && state.ended === ended
      ? undefined
      : `${shelf.name} is ${JSON.stringify(state)} after ${JSON.stringify(reading)}`
  }

  async #restart(how: 'reopen' | 'crash'): Promise<string | undefined> {
    await this.#rig.still()
    this.#rig = how === 'reopen' ? await this.#rig.reopen() : await this.#rig.crash()
    this.#reference.die(this.#forgets)
    for (const shelf of this.#reference.shelves) {
      const { wasted } = await this.#rig.admin.counters(shelf.name)
      const more = wasted - shelf.wasted
      const most = how === 'reopen' ? 0 : this.#largest
      if (more < 0 || more > most) return `${shelf.name} wasted ${more} units beside those in flight at a ${how}, expected 0 to ${most}`
      shelf.wasted = wasted
    }
    return undefined
  }

  /** What is different, in words; undefined when both agree. */
  async difference(): Promise<string | undefined> {
    await this.#rig.still()
    for (const shelf of this.#reference.shelves) {
      const { sold, own, wasted, external, left } = await this.#rig.admin.counters(shelf.name)
      const found = JSON.stringify({ sold, own, wasted, external, left, own_left: this.#rig.store.stock.leftForOwner(shelf.name) })
      const { sold: s, own: o, wasted: w, external: x } = shelf
      const expected = JSON.stringify({
        sold: s,
        own: o,
        wasted: w,
        external: x,
        left: this.#reference.left(shelf),
        own_left: this.#reference.leftForOwner(shelf),
      })
      if (found !== expected) return `${shelf.name} is ${found}, expected ${expected}`
      if (sold + own + wasted > shelf.quota) return `${shelf.name} has used more than its quota`
    }
    for (const [who, money] of this.#reference.money) {
      const balance = await this.#rig.admin.balance(`key:${who}`)
      if (balance !== money) return `${who} has ${balance}, expected ${money}`
      if (balance < 0n) return `${who} owes money`
    }
    const unknowns = (await this.#rig.store.unknowns()).length
    const expected = [...this.#reference.holds.values()].filter(({ state }) => state === 'unknown').length
    return unknowns === expected ? undefined : `${unknowns} settlements are unknown, expected ${expected}`
  }

  async end(): Promise<string | undefined> {
    const wrong = (await this.make({ do: 'reopen' })) ?? (await this.difference())
    await this.#rig.store.close()
    return wrong
  }
}

async function play(t: Test, open: OpenDriver, list: readonly Move[], forgets: boolean): Promise<string | undefined> {
  const rig = await open(t, { connections })
  for (const [who, amount] of MONEY) await fund(rig, formatUsd(amount), who)
  const run = new Run(rig, forgets)
  for (const [index, move] of list.entries()) {
    const wrong = (await run.make(move)) ?? (await run.difference())
    if (wrong !== undefined) return `move ${index} ${JSON.stringify(move)}: ${wrong}`
  }
  return run.end()
}

for (const [name, open] of drivers(t)) {
  t.test(`the ${name} store agrees with the reference after every move, every restart and every crash`, async (t) => {
    const seed = seedOf(t)
    let made = 0
    const property = fc.asyncProperty(fc.array(moves, { minLength: 1, maxLength: 80, size: 'max' }), async (list) => {
      made += list.length
      const wrong = await play(t, open, list, name === 'embedded')
      if (wrong !== undefined) throw new Error(wrong)
    })
    await fc.assert(property, { seed, numRuns: 30, interruptAfterTimeLimit: 6_000, markInterruptAsFailure: false })
    t.ok(made > 0, `${made} moves`)
  })
}
