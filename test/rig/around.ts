/** Parts around the engine that write down what they are told: the deadlines of calls, and how connections stand. */

import type { AuditEntry, Notice, Store } from '#contract'
import { type Deadline, Deadlines } from '../../gateway/engine/deadlines.ts'
import type { Timed } from '../../gateway/engine/ports.ts'
import { Health } from '../../gateway/engine/index.ts'
import type { ScriptedClock } from './scripted.ts'

export interface OpenedHealth {
  readonly health: Health
  /** What owners were told, and what was written into the audit log. */
  readonly told: Notice[]
  readonly audited: AuditEntry[]
}

export function openHealth({ stock }: Pick<Store, 'stock'>, clock: ScriptedClock, floor = 0.8): OpenedHealth {
  const told: Notice[] = []
  const audited: AuditEntry[] = []
  const audit = { write: async (entry: AuditEntry) => void audited.push(entry) }
  const notices = { tell: (notice: Notice) => void told.push(notice) }
  return { health: new Health({ clock, stock, audit, notices, floor, upstreamTimeoutMs: 30_000, alarm: clock.alarm }), told, audited }
}

export class WatchedDeadlines extends Deadlines<Timed> {
  readonly armed = new Set<object>()

  override start(item: Timed): Deadline<Timed> {
    this.armed.add(item)
    return super.start(item)
  }

  override stop(deadline: Deadline<Timed> | undefined): void {
    if (deadline?.item !== undefined) this.armed.delete(deadline.item)
    super.stop(deadline)
  }
}

/** Lets everything run that can run now. */
export const turns = async (count = 2): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
