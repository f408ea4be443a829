/** The table: every pair of events in both orders in each state, for each payer and each kind of answer, on real flights. */

import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { type Answer, nameOf, type Payer, pairs, type Row, type State } from './model.ts'
import { run, shouldCome } from './table.ts'

const PAYERS: readonly Payer[] = ['credits', 'x402', 'owner']
const ANSWERS: readonly Answer[] = ['whole', 'large', 'open']

interface Group {
  readonly state: State
  readonly payers: readonly Payer[]
  readonly answers: readonly Answer[]
}

const groups: readonly Group[] = [
  { state: 'reserving', payers: PAYERS, answers: ['whole'] },
  { state: 'waiting', payers: PAYERS, answers: ['whole'] },
  { state: 'waiting, verified', payers: ['x402'], answers: ['whole'] },
  { state: 'authorizing', payers: ['x402', 'x402 with a key'], answers: ['whole'] },
  { state: 'calling, before head', payers: PAYERS, answers: ANSWERS },
  { state: 'calling, after head', payers: PAYERS, answers: ['whole', 'large'] },
  // An owner's own call waits for no charge, so it never settles.
  { state: 'settling', payers: ['credits', 'x402'], answers: ANSWERS },
  { state: 'streaming', payers: PAYERS, answers: ['large', 'open'] },
  { state: 'over', payers: PAYERS, answers: ANSWERS },
]

/** Whether the provider heeds a pause makes a difference only while it is being asked. */
const rowsOf = ({ state, payers, answers }: Group): Row[] => {
  const heeding = /^(calling|settling|streaming)/.test(state) ? [true, false] : [true]
  return payers.flatMap((payer) => answers.flatMap((answer) => heeding.flatMap((heeds) => pairs({ payer, answer, state, heeds }))))
}

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))

for (const group of groups) {
  t.test(`${group.state}: whatever two events come, the call ends once, as the rules say`, async (t) => {
    const before = timers()
    const rows = rowsOf(group)
    const came = await run(t, rows)
    const wrong = rows.flatMap((row, at) => {
      const should = shouldCome(row)
      const is = came[at]
      return isDeepStrictEqual(is, should) ? [] : [{ row: nameOf(row), is, should }]
    })
    t.equal(wrong.length, 0, `${rows.length} rows, all as the rules say`)
    for (const { row, is, should } of wrong.slice(0, 20)) t.strictSame(is, should, row)
    t.strictSame(unhandled.splice(0), [], 'no rejection is left unhandled')
    t.equal(timers(), before, 'no timer is left')
  })
}
