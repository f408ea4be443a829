/** The audit log: who did what, append-only, in the one hash chain of the store. */
import type { EpochMs } from './time.ts'

/** Closed list: what is not here is not audited, and a new act is a compile error where it is shown. */
export type AuditAction =
  | 'gateway.start'
  | 'gateway.stop'
  | 'config.load'
  | 'connection.add'
  | 'connection.rotate'
  | 'connection.remove'
  | 'connection.enable'
  | 'connection.disable'
  | 'connection.pause'
  | 'connection.resume'
  | 'credential.use'
  | 'credential.leak'
  | 'key.create'
  | 'key.revoke'
  | 'key.rotate'
  | 'ledger.correct'
  | 'payout.run'
  | 'abuse.unblock'
  | 'vault.rotate'

export interface AuditEntry {
  readonly action: AuditAction
  /** `admin`: whoever may use the admin port or the store's folder; `gateway`: by itself; `consumer`: by a purchase. */
  readonly actor: 'admin' | 'gateway' | 'consumer'
  /** Whose business it is; undefined: the operator's alone. */
  readonly owner: string | undefined
  /** Name of the connection, id of the key, …; never a secret. */
  readonly subject: string
  /** Plain words and figures; never a secret. */
  readonly detail: string
}

export interface AuditLine extends AuditEntry {
  /** Where it stands in the chain: group and line within it. */
  readonly sequence: number
  readonly line: number
  readonly atMs: EpochMs
}

export interface Audit {
  /** Resolves when durable. */
  write(entry: AuditEntry): Promise<void>
  /** A credential was used for one call: counted, and written as one line a connection and minute. No I/O here. */
  used(connection: string, owner: string): void
  /** The last `limit`, oldest first; of one owner, of one action, where they are named. */
  entries(ask: AuditAsk): Promise<readonly AuditLine[]>
  /** Reads everything again: a line that was removed, altered or moved is found, and named. */
  verify(): Promise<{ readonly ok: boolean; readonly detail: string }>
}

export interface AuditAsk {
  readonly limit: number
  readonly owner?: string
  readonly action?: AuditAction
}

/** The store's side: an act of its own takes its line along (`StoreAdmin`), everything else is written here. */
export interface AuditDesk {
  /** All of them or none. Resolves when durable. */
  write(entries: readonly AuditEntry[]): Promise<void>
  /** How many lines these books have to show; undefined where the store's own chain says it. */
  written(): Promise<number | undefined>
}
