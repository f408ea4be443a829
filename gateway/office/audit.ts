/** The audit log as operators ask for it; and the lines of what they do, with how they came. JSON shapes are the CLI's. */
import type { AuditAction, AuditEntry, AuditLine } from '#contract'
import type { Ground } from '../ground/index.ts'
import { OfficeError } from './error.ts'

/** How whoever acts came in; the admin token itself is never said. */
export type By = 'with the admin token' | 'from loopback' | 'from the command line'

export interface Act {
  readonly action: AuditAction
  readonly owner?: string | undefined
  readonly subject: string
  readonly detail?: string
}

const MOST = 100_000
const LIMIT = 50

export class AuditOffice {
  readonly #ground: Ground
  readonly #by: By

  constructor(ground: Ground, by: By) {
    this.#ground = ground
    this.#by = by
  }

  /** A line of the operator's. */
  act(act: Act): AuditEntry {
    return this.#entry('admin', act, this.#by)
  }

  /** A line of a consumer who paid or signed in, or of the gateway itself. */
  actOf(actor: 'consumer' | 'gateway', act: Act): AuditEntry {
    return this.#entry(actor, act, undefined)
  }

  async tail({ limit = LIMIT, owner }: { readonly limit?: number; readonly owner?: string }): Promise<{ entries: readonly Record<string, unknown>[] }> {
    if (limit > MOST) throw new OfficeError(`limit ${limit} is too much at once; expected 1 to ${MOST}`)
    const lines = await this.#ground.audit.entries({ limit, ...(owner === undefined ? {} : { owner }) })
    return { entries: lines.map(rowOf) }
  }

  verify(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    return this.#ground.audit.verify()
  }

  #entry(actor: AuditEntry['actor'], { action, owner, subject, detail }: Act, by: By | undefined): AuditEntry {
    const said = [detail, by].filter((part) => part !== undefined && part !== '')
    return { action, actor, owner, subject, detail: said.join('; ') }
  }
}

const rowOf = ({ atMs, action, actor, owner, subject, detail, sequence, line }: AuditLine): Record<string, unknown> => ({
  ...{ at: new Date(atMs).toISOString(), action, actor, owner: owner ?? null, subject, detail, group: sequence, line },
})
