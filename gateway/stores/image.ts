/**
 * The few of the state as lines of JSON and back: each line is a kind and its parts; amounts are decimal strings. The many (keys,
 * accounts, names, what is used once, what was spent) stand in tables; a snapshot of the first form has them as lines, too.
 */
import type { Usd } from '#contract'
import type { Kept } from './answers.ts'
import type { Buying, Intended, KeyCreated, PayoutBegun } from './records.ts'
import type { Place } from './segments.ts'
import { keyFrom, type NamedCall, type State, type Sum, type Tally } from './state.ts'

type StoredTally = Pick<Tally, 'sold' | 'own' | 'wasted' | 'external' | 'leasedTo'> & { readonly revenue: string }

export type Line =
  | readonly ['mode', State['mode'] | null]
  | readonly ['key', KeyCreated['key']]
  | readonly ['account', string, string]
  | readonly ['switch', string, { enabled: boolean; vetted: boolean }]
  | readonly ['tally', string, number, StoredTally]
  | readonly ['before', string, Sum]
  | readonly ['name', string, Omit<NamedCall, 'waiters'>]
  | readonly ['once', string, number]
  | readonly ['intent', Intended | Buying, Place | null]
  | readonly ['upfront', string]
  | readonly ['refund', string]
  | readonly ['correction', string]
  | readonly ['payout', PayoutBegun['payout']]
  | readonly ['payouts', number]
  | readonly ['answer', string, Kept]
  | readonly ['spent', string, number, string, 'month'?]

export function* linesOf(state: State): Iterable<Line> {
  yield ['mode', state.mode ?? null]
  for (const [connection, enabled] of state.switches) yield ['switch', connection, enabled]
  for (const [connection, periods] of state.tallies) {
    for (const [period, { sold, own, wasted, external, leasedTo, revenue }] of periods) {
      yield ['tally', connection, period, { sold, own, wasted, external, leasedTo, revenue: revenue.toString() }]
    }
  }
  for (const [connection, [sum]] of state.before) yield ['before', connection, sum]
  for (const intent of state.intents.values()) yield ['intent', intent, state.intentPlaces.get(intent.id) ?? null]
  for (const wallet of state.upfront) yield ['upfront', wallet]
  for (const id of state.refunds) yield ['refund', id]
  for (const id of state.corrections) yield ['correction', id]
  if (state.payout !== undefined) yield ['payout', { ...state.payout, amount: state.payout.amount.toString() }]
  yield ['payouts', state.payouts]
  for (const [receipt, kept] of state.answers.all()) yield ['answer', receipt, kept]
}

export function putLine(state: State, line: Line): void {
  switch (line[0]) {
    case 'mode':
      state.mode = line[1] ?? undefined
      return
    case 'key':
      return state.keys.put(keyFrom({ key: line[1] }))
    case 'account':
      state.account(line[1]).posted = BigInt(line[2]) as Usd
      return
    case 'switch':
      state.switches.set(line[1], line[2])
      return
    case 'tally':
      Object.assign(state.tally(line[1], line[2]), line[3], { revenue: BigInt(line[3].revenue) })
      return
    case 'before':
      state.before.set(line[1], [line[2]])
      return
    case 'spent':
      state.spending?.set({ key: line[1], turn: line[2], amount: BigInt(line[3]), per: line[4] ?? 'day' })
      return
    case 'payout':
      state.payout = { ...line[1], amount: BigInt(line[1].amount) as Usd }
      return
    case 'payouts':
      state.payouts = line[1]
      return
    default:
      putCall(state, line)
  }
}

/** What is known of single calls. */
function putCall(
  state: State,
  line: Extract<Line, readonly ['name' | 'once' | 'intent' | 'upfront' | 'refund' | 'correction' | 'answer', ...unknown[]]>,
): void {
  switch (line[0]) {
    case 'name':
      state.named.set(line[1], { ...line[2], waiters: [] })
      return
    case 'once':
      state.once.set(line[1], line[2])
      return
    case 'intent':
      state.intents.set(line[1].id, line[1])
      if (line[2] !== null) state.intentPlaces.set(line[1].id, line[2])
      return
    case 'upfront':
      state.upfront.add(line[1])
      return
    case 'refund':
      state.refunds.add(line[1])
      return
    case 'correction':
      state.corrections.add(line[1])
      return
    case 'answer':
      return state.answers.keep(line[1], line[2])
  }
}

const DAY_MS = 86_400_000
/** A period that began so long ago has ended, whatever its rule; 0 is the one that never ends. */
const KEEP_PERIODS_MS = 400 * DAY_MS

/** Leaves out what nobody asks for any more; sums over all periods stay what they were. */
export function prune(state: State, nowMs: number): void {
  state.named.forget(({ state: now, untilMs }) => (now === 'charged' || now === 'lost') && untilMs <= nowMs)
  state.once.forget((until) => until <= nowMs)
  state.answers.sweep(nowMs)
  state.spending?.forgetBefore(nowMs)
  const open = new Set(state.intents.values().map((intent) => (intent.t === 'buy' ? '' : `${intent.period} ${intent.connection}`)))
  for (const [connection, periods] of state.tallies) {
    for (const [period, tally] of periods) {
      const isOpen = tally.leasedTo > tally.sold + tally.own + tally.wasted || open.has(`${period} ${connection}`)
      if (period === 0 || period > nowMs - KEEP_PERIODS_MS || isOpen) continue
      periods.delete(period)
      const sum = state.before.get(connection)?.[0] ?? { sold: 0, own: 0, wasted: 0, external: 0 }
      state.before.set(connection, [
        { sold: sum.sold + tally.sold, own: sum.own + tally.own, wasted: sum.wasted + tally.wasted, external: sum.external + tally.external },
      ])
    }
  }
}
