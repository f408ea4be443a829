/** One failed assertion a complaint, so that each stands on a line of its own with its place and its remedy. */

import { existsSync } from 'node:fs'
import { root } from './sources.ts'

interface Reporter {
  pass(message: string): unknown
  fail(message: string, extra: object): unknown
  comment(...message: unknown[]): void
}

/** Rules about the house as a whole say nothing final before it has its last room. */
const isWhole = existsSync(`${root}/gateway/main.ts`)

const QUIET = { at: null, stack: '', source: '' }

export function report(t: Reporter, complaints: readonly string[], rule: { ofTheWhole?: boolean } = {}): void {
  if (rule.ofTheWhole === true && !isWhole) {
    for (const complaint of complaints) t.comment(`until gateway/main.ts is there only a hint: ${complaint}`)
    return
  }
  if (complaints.length === 0) t.pass('nothing to complain of')
  for (const complaint of complaints) t.fail(complaint, QUIET)
}
