/**
 * Answers that held the credential: alarm for each, and a pause for an operation that does it again and again, so that it is
 * not asked any more on that connection. Never for the connection: whoever can make one operation leak switches off no more.
 */
import type { Audit, Clock, Connection, Log, Notices, Operation } from '#contract'

/** The answer was not let through. */
export class LeakError extends Error {
  override name = 'LeakError'
  readonly meaning = 'leaked'

  constructor() {
    super('the answer of the provider held the credential')
  }
}

/** The operation is not asked on this connection at the moment. */
export class PausedError extends Error {
  override name = 'PausedError'
  readonly meaning = 'paused'

  constructor() {
    super('the operation is paused on this connection, since its answers held the credential')
  }
}

const MOST_HITS = 20
const WINDOW_MS = 600_000
const PAUSE_MS = 600_000

interface Page {
  /** Times of the hits since the last clean answer, oldest first. */
  hitsAtMs: number[]
  pausedUntilMs: number
}

export interface LeakPorts {
  readonly clock: Clock
  readonly log: Log
  readonly audit: Pick<Audit, 'write'>
  readonly notices: Notices
}

export class LeakBook {
  readonly #ports: LeakPorts
  /** Empty on good days, so that asking costs nothing. */
  readonly #pages = new Map<string, Page>()

  constructor(ports: LeakPorts) {
    this.#ports = ports
  }

  isPaused(connection: Connection, operation: Operation): boolean {
    if (this.#pages.size === 0) return false
    const page = this.#pages.get(nameOf(connection, operation))
    return page !== undefined && page.pausedUntilMs > this.#ports.clock.nowMs()
  }

  /** An answer was read to its end and held nothing. */
  clean(connection: Connection, operation: Operation): void {
    if (this.#pages.size === 0 || this.isPaused(connection, operation)) return
    this.#pages.delete(nameOf(connection, operation))
  }

  /** `where`: in which part of the answer, in words. */
  hit(connection: Connection, operation: Operation, where: string): void {
    const { clock, log, notices } = this.#ports
    const nowMs = clock.nowMs()
    const name = nameOf(connection, operation)
    const page = this.#pages.get(name) ?? { hitsAtMs: [], pausedUntilMs: 0 }
    this.#pages.set(name, page)
    page.hitsAtMs = [...page.hitsAtMs.filter((atMs) => atMs > nowMs - WINDOW_MS), nowMs]
    const said = `${where} of operation ${operation.id} held the credential; the answer was not let through`
    log.error({ connection: connection.name, operation: operation.id, hits: page.hitsAtMs.length }, `the provider's answer held the credential: ${where}`)
    notices.tell({ kind: 'credential-leaked', owner: connection.owner, connection: connection.name, detail: `${said}; rotate the credential` })
    this.#audit('credential.leak', connection, said)
    if (page.hitsAtMs.length >= MOST_HITS && page.pausedUntilMs <= nowMs) this.#pause(connection, operation, page, nowMs)
  }

  #pause(connection: Connection, operation: Operation, page: Page, nowMs: number): void {
    page.hitsAtMs = []
    page.pausedUntilMs = nowMs + PAUSE_MS
    const detail = `operation ${operation.id} is paused for ${PAUSE_MS / 60_000} minutes: ${MOST_HITS} answers held the credential, and none did not`
    this.#ports.log.error({ connection: connection.name, operation: operation.id }, detail)
    this.#ports.notices.tell({ kind: 'operation-paused', owner: connection.owner, connection: connection.name, detail })
    this.#audit('connection.pause', connection, detail)
  }

  #audit(action: 'credential.leak' | 'connection.pause', { name: subject, owner }: Connection, detail: string): void {
    const failed = (cause: unknown): void => this.#ports.log.error({ subject, cause: String(cause) }, 'a line of the audit log could not be written')
    this.#ports.audit.write({ action, actor: 'gateway', owner, subject, detail }).catch(failed)
  }
}

const nameOf = (connection: Connection, operation: Operation): string => `${connection.name} ${operation.id}`
