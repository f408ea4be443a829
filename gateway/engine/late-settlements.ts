/** Payments of which nobody has known for long whether they were settled: the operator is told, and the owner whose quota was used. Once each, over all processes. */
import type { Clock, Connection, EpochMs, Log, Notices, StoreAdmin, UnknownSettlement } from '#contract'

export interface LatePorts {
  readonly admin: Pick<StoreAdmin, 'first'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Log
  readonly notices: Notices
}

/** Longer than anything stays unknown. */
const REMEMBERED_MS = 400 * 86_400_000

export const lateSettlements =
  ({ admin, clock, log, notices }: LatePorts, connections: () => readonly Connection[]) =>
  ({ hold, buys, connection, sinceMs }: UnknownSettlement): void => {
    const owner = connections().find(({ name }) => name === connection)?.owner
    const since = new Date(sinceMs).toISOString()
    const what = buys === 'call' ? `the payment of call ${hold}` : `the payment of purchase ${hold}`
    const detail = `nobody knows since ${since} whether ${what} was settled; it is asked again and again, see atlas x402 status`
    admin
      .first(`settlement-unknown:${hold}`, (clock.nowMs() + REMEMBERED_MS) as EpochMs)
      .then((yes) => (yes ? notices.tell({ kind: 'settlement-unknown', owner, connection, detail }) : undefined))
      .catch((error: unknown) => log.warn({ hold, cause: String(error) }, 'a settlement is unknown for long, and nobody could be told'))
  }
