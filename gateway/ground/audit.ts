/** The audit log of a ground: lines go to the store, what they say is read in the books, and uses of credentials are counted by the minute. */
import { type Audit, type AuditAsk, type AuditDesk, type AuditEntry, type AuditLine, type Clock, type Log, messageOf } from '#contract'
import type { Trail } from '../books/index.ts'

const MINUTE_MS = 60_000
/** Behind the end of the minute, so that it is over when it is looked at. */
const LATER_MS = 50
/** Of a stop, for what a store that is out of reach cannot take any more. */
const CLOSE_WITHIN_MS = 3_000

interface Uses {
  readonly owner: string
  calls: number
}

export interface AuditParts {
  readonly desk: AuditDesk
  readonly trail: Pick<Trail, 'tail' | 'prove'>
  readonly clock: Clock
  readonly log: Log
}

export class AuditLog implements Audit {
  readonly #parts: AuditParts
  #minute = 0
  #uses = new Map<string, Uses>()
  /** Of minutes that are over, not written yet. */
  #ended: AuditEntry[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: AuditParts) {
    this.#parts = parts
  }

  write(entry: AuditEntry): Promise<void> {
    return this.#parts.desk.write([entry])
  }

  /** A crash loses at most what was counted since the last full minute. */
  used(connection: string, owner: string): void {
    const minute = Math.floor(this.#parts.clock.nowMs() / MINUTE_MS)
    if (minute !== this.#minute) this.#turn(minute)
    const found = this.#uses.get(connection)
    if (found !== undefined && found.owner === owner) found.calls += 1
    else this.#first(connection, owner, found)
  }

  entries(ask: AuditAsk): Promise<readonly AuditLine[]> {
    return this.#parts.trail.tail(ask)
  }

  async verify(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    // Asked first: what is written meanwhile may be in the books already.
    const written = await this.#parts.desk.written()
    const { problems, lines, detail } = await this.#parts.trail.prove()
    const lost = written !== undefined && lines < written ? [`the store has written ${written} lines, the books have ${lines}: lines were removed`] : []
    const all = [...problems, ...lost]
    return all.length === 0 ? { ok: true, detail: `${lines} lines in ${detail}` } : { ok: false, detail: all.join('; ') }
  }

  /** What is counted is written, the running minute included. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#end()
    if (this.#ended.length === 0) return this.#writing
    this.#write()
    let late: NodeJS.Timeout | undefined
    const over = new Promise<void>((resolve) => (late = setTimeout(resolve, CLOSE_WITHIN_MS)))
    await Promise.race([this.#writing, over])
    clearTimeout(late)
    if (this.#ended.length > 0) this.#parts.log.error({ lines: this.#ended.length }, 'counts of credential uses could not be written to the audit log')
  }

  #first(connection: string, owner: string, former: Uses | undefined): void {
    if (former !== undefined) this.#ended.push(this.#line(connection, former))
    this.#uses.set(connection, { owner, calls: 1 })
    if (this.#timer === undefined) this.#wait()
  }

  #turn(minute: number): void {
    this.#end()
    this.#minute = minute
  }

  #end(): void {
    for (const [connection, uses] of this.#uses) this.#ended.push(this.#line(connection, uses))
    this.#uses = new Map()
  }

  #line(connection: string, { owner, calls }: Uses): AuditEntry {
    const minute = `${new Date(this.#minute * MINUTE_MS).toISOString().slice(0, 16)}Z`
    return {
      action: 'credential.use',
      actor: 'gateway',
      owner,
      subject: connection,
      detail: `${calls} ${calls === 1 ? 'call' : 'calls'} in the minute of ${minute}`,
    }
  }

  #wait(): void {
    const leftMs = MINUTE_MS - (this.#parts.clock.nowMs() % MINUTE_MS)
    this.#timer = setTimeout(() => this.#look(), leftMs + LATER_MS)
    this.#timer.unref()
  }

  /** There is a timer as long as there is something to write. */
  #look(): void {
    this.#timer = undefined
    const minute = Math.floor(this.#parts.clock.nowMs() / MINUTE_MS)
    if (minute !== this.#minute) this.#turn(minute)
    this.#write()
    if (this.#uses.size > 0 || this.#ended.length > 0) this.#wait()
  }

  /** What cannot be written now is kept for the next minute. */
  #write(): void {
    this.#writing = this.#writing.then(async () => {
      const lines = this.#ended
      this.#ended = []
      if (lines.length === 0) return
      try {
        await this.#parts.desk.write(lines)
      } catch (error) {
        this.#ended = [...lines, ...this.#ended]
        this.#parts.log.warn({ error: messageOf(error) }, 'the audit log cannot be written; it is tried again')
      }
    })
  }
}
