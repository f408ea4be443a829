/**
 * Recorded calls one after the other, on two stages: the present file's, where everything goes as it was recorded, and the
 * changed one's, where it goes as its rules say. What the present rules do not explain is left as it was: a refusal for abuse,
 * for calls at once, for a provider that was away.
 */
import type { Usd } from '#contract'
import type { Plan, Taken } from '../stores/index.ts'
import { Alike, isSold, isUncharged } from './alike.ts'
import { Figures } from './figures.ts'
import { Payers } from './payers.ts'
import type { Recorded } from './recorded.ts'
import type { Called, ExternalSaid, LostSaid, Said, SoldSaid, UnchargedSaid } from './said.ts'
import type { Stage } from './stage.ts'

/** Paces and shares are taken up from so long before the first call that counts. */
const PACES_BEFORE_MS = 3_600_000
/** What may be judged again, where the present rules explain it. */
const JUDGED: ReadonlySet<string> = new Set(['sold_out', 'rate_limited'])
/** The provider was asked. */
const ASKED: ReadonlySet<string> = new Set(['upstream_error', 'upstream_timeout'])

export class Replay {
  /** What becomes of calls after the change, but for what is sold. */
  readonly after = new Figures()
  readonly #recorded: Recorded
  readonly #present: Stage
  readonly #next: Stage
  readonly #sinceMs: number
  readonly #payers: Payers
  /** Whose paces have to be known on the present stage, too. */
  readonly #watched: ReadonlySet<string>
  /** By the number of what they say. */
  readonly #alike: (Alike | undefined)[] = []

  constructor(recorded: Recorded, stages: { readonly present: Stage; readonly next: Stage; readonly sinceMs: number }) {
    this.#recorded = recorded
    this.#present = stages.present
    this.#next = stages.next
    this.#sinceMs = stages.sinceMs
    this.#payers = new Payers(recorded.head)
    this.#watched = new Set(recorded.said.flatMap((said) => (said.t === 'u' && said.code === 'rate_limited' ? [said.consumer] : [])))
  }

  /** Calls by what they say, with what became of them. */
  get alike(): readonly Alike[] {
    return this.#alike.filter((one) => one !== undefined)
  }

  /** Those that were received in this time. */
  play(fromMs: number, toMs: number): void {
    const { receivedMs, numbers, refunded, said } = this.#recorded
    for (let at = 0; at < receivedMs.length; at += 1) {
      const ms = receivedMs[at] as number
      if (ms < fromMs || ms > toMs) continue
      this.#present.rehearsal.at(ms)
      this.#next.rehearsal.at(ms)
      const number = numbers[at] as number
      const says = said[number] as Said
      if (says.t === 'c' || says.t === 'u') this.#called(this.#alikeOf(number, says), ms, refunded[at] === 1)
      else this.#used(says)
    }
  }

  #used(said: LostSaid | ExternalSaid): void {
    for (const { rehearsal } of [this.#present, this.#next]) {
      if (said.t === 'w') rehearsal.used(said.connection, 'wasted', said.units)
      else rehearsal.external(said.connection, said.period, said.units)
    }
  }

  #alikeOf(number: number, said: Called): Alike {
    let found = this.#alike[number]
    if (found === undefined) {
      const isWatched = this.#watched.has(said.consumer)
      found = new Alike(said, { payer: this.#payers.of(said), isWatched, takesAsRecorded: this.#next.takesAsRecorded(said) })
      this.#alike[number] = found
    }
    return found
  }

  #called(call: Alike, ms: number, isReversed: boolean): void {
    const counts = ms >= this.#sinceMs
    if (isSold(call)) {
      if (counts) this.#sold(call, isReversed)
      else this.#soldEarlier(call, ms)
    } else if (isUncharged(call)) {
      if (counts) this.#uncharged(call)
      else this.#wastedEarlier(call)
    }
  }

  // ---------------------------------------------------------------- before the first call that counts

  #soldEarlier(call: Alike<SoldSaid>, ms: number): void {
    asRecorded(this.#present, call.said)
    asRecorded(this.#next, call.said)
    spent(this.#next, call.said)
    if (call.isWatched) spent(this.#present, call.said)
    if (ms < this.#sinceMs - PACES_BEFORE_MS) return
    this.#pass(this.#next, call)
    if (call.isWatched) this.#pass(this.#present, call)
  }

  #wastedEarlier({ said }: Alike<UnchargedSaid>): void {
    for (const [connection, units] of said.wasted) for (const { rehearsal } of [this.#present, this.#next]) rehearsal.used(connection, 'wasted', units)
  }

  // ---------------------------------------------------------------- charged

  #sold(call: Alike<SoldSaid>, isReversed: boolean): void {
    const { said } = call
    const reversed = isReversed ? 1 : 0
    call.calls += 1
    call.reversed += reversed
    asRecorded(this.#present, said)
    if (call.isWatched) {
      spent(this.#present, said)
      this.#pass(this.#present, call)
    }
    const taken = this.#take(this.#next, call)
    if (typeof taken === 'string') {
      this.after.refused(said.api, taken)
      call.lost += 1
      call.lostReversed += reversed
      return
    }
    for (const [, wasted] of said.wasted) this.#wasteAfter(taken, wasted)
    this.#charge(call, taken, reversed)
  }

  #charge(call: Alike, taken: Taken, reversed: number): void {
    const sale = call.saleOf(taken)
    sale.calls += 1
    sale.reversed += reversed
    this.#next.rehearsal.charge(taken, sale.units, sale.price as Usd)
  }

  // ---------------------------------------------------------------- not charged

  #uncharged(call: Alike<UnchargedSaid>): void {
    const { api, kind, code, wasted } = call.said
    call.calls += 1
    if (kind === 'replayed' || kind === 'unknown') return
    for (const [connection, units] of wasted) this.#present.rehearsal.used(connection, 'wasted', units)
    const isPaid = call.payer !== undefined
    if (isPaid && JUDGED.has(code)) return this.#judge(call)
    if (isPaid && (wasted.length > 0 || kind === 'passed' || ASKED.has(code))) return this.#unserved(call)
    if (code !== '') this.after.refused(api, code)
  }

  /** Refused for want of units, or for a pace: does it still hold? */
  #judge(call: Alike<UnchargedSaid>): void {
    const { api, code } = call.said
    const explained = this.#take(this.#present, call)
    if (typeof explained !== 'string') {
      this.#present.rehearsal.giveBack(explained, 0)
      call.unexplained += 1
      return this.after.refused(api, code)
    }
    const taken = this.#take(this.#next, call)
    if (typeof taken === 'string') return this.after.refused(api, taken)
    this.#charge(call, taken, 0)
  }

  /** The provider did not serve it, whoever's connection it is; what came to nothing does so again. */
  #unserved(call: Alike<UnchargedSaid>): void {
    const { api, code, wasted } = call.said
    const taken = this.#take(this.#next, call)
    if (typeof taken === 'string') return this.after.refused(api, taken)
    this.#next.rehearsal.giveBack(taken, 0)
    this.#wasteAfter(
      taken,
      wasted.reduce((sum, [, units]) => sum + units, 0),
    )
    if (code !== '') this.after.refused(api, code)
  }

  #wasteAfter({ alternative, hold }: Taken, units: number): void {
    hold.tally.wasted += units
    this.after.of(alternative.connection, alternative.owner).wastedUnits += units
  }

  // ---------------------------------------------------------------- on a stage

  /** What it gets, or the code of its refusal. */
  #take(stage: Stage, call: Alike): Taken | string {
    const plan = this.#planOf(stage, call)
    if (typeof plan === 'string') return plan
    const taken = stage.rehearsal.take(plan)
    return taken.kind === 'taken' ? taken : taken.code
  }

  /** Let through once: paces and shares are drawn on. */
  #pass(stage: Stage, call: Alike): void {
    if (call.payer === undefined) return
    const plan = this.#planOf(stage, call)
    if (typeof plan !== 'string') stage.rehearsal.passed(plan)
  }

  #planOf(stage: Stage, call: Alike): Plan | string {
    const which = stage === this.#present ? 'present' : 'next'
    const known = call[which]
    if (known !== undefined) return known
    if (call.payer === undefined) throw new Error('nobody is known who could pay')
    const { plan, isSteady } = stage.plan(call.said, call.payer)
    if (isSteady) call[which] = plan
    return plan
  }
}

function asRecorded({ rehearsal }: Stage, { connection, by, units, wasted }: SoldSaid): void {
  rehearsal.used(connection, by === 'owner' ? 'own' : 'sold', units)
  for (const [tried, count] of wasted) rehearsal.used(tried, 'wasted', count)
}

function spent({ rehearsal }: Stage, { by, account, price }: SoldSaid): void {
  if (by !== 'owner') rehearsal.spent(account, price)
}
