/** What never stops a start but should not surprise its owner, at its place in the file. The judgement is the contract's (`unwise`). */

import { unwise } from '#contract'
import type { Complaints } from './complaints.ts'
import type { Subscription } from './connections.ts'
import { placeOf } from './draft.ts'

export function warn({ draft, connection, adapter }: Subscription, nowMs: number, complaints: Complaints): void {
  for (const { about, sentence } of unwise(connection, adapter, nowMs)) complaints.warn(placeOf(draft, about), sentence)
}
