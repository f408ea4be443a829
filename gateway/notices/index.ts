/**
 * What owners and the operator are told, by their webhooks: a signed POST of JSON, tried again with growing pauses for a bounded time. Telling never waits and never
 * throws; the log has everything, also what nobody could be told. `lane.ts` is the way to one webhook, `post.ts` one request.
 */
import {
  type Alarm,
  type Chance,
  type Clock,
  type Log,
  type Notice,
  type NoticeCounts,
  type NoticeKind,
  type Notices,
  type Webhook,
  webhookId,
} from '#contract'
import { Lane, type Post } from './lane.ts'

export type { Post } from './lane.ts'

export interface NoticePorts {
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly alarm: Alarm
  readonly post: Post
  /** Where a notice goes: the operator's, and that of its connection, else all of its owner's. */
  webhooks(notice: Notice): readonly Webhook[]
}

const HOUR_MS = 3_600_000
const KEYS = 1_000
/** At the end, for what has not been tried or has failed. */
const CLOSE_WITHIN_MS = 2_000

/** Told each time: what is told afterwards depends on it. */
const ALWAYS: ReadonlySet<NoticeKind> = new Set<NoticeKind>(['connection-paused', 'connection-resumed', 'operation-paused'])
/** The same sentence once; another one is another thing. */
const BY_SENTENCE: ReadonlySet<NoticeKind> = new Set<NoticeKind>(['bad-answer', 'payout', 'quota-low', 'settlement-unknown'])
const GOOD_NEWS: ReadonlySet<NoticeKind> = new Set<NoticeKind>(['connection-resumed', 'payout'])

export class WebhookNotices implements Notices {
  readonly #ports: NoticePorts
  readonly #lanes = new Map<string, Lane>()
  /** What was told -> when. */
  readonly #told = new Map<string, number>()
  readonly #stop = new AbortController()

  constructor(ports: NoticePorts) {
    this.#ports = ports
  }

  tell(notice: Notice): void {
    const { log, chance, clock, webhooks } = this.#ports
    try {
      log[GOOD_NEWS.has(notice.kind) ? 'info' : 'warn']({ ...notice }, notice.detail)
      if (this.#stop.signal.aborted || this.#isOld(notice)) return
      const { kind, owner, connection, detail, percent } = notice
      const body = {
        kind,
        owner: owner ?? null,
        connection: connection ?? null,
        detail,
        at: new Date(clock.nowMs()).toISOString(),
        id: `nt_${chance.hex(12)}`,
        ...(percent === undefined ? {} : { percent }),
      }
      for (const webhook of webhooks(notice)) this.#laneOf(webhook).put({ id: body.id, owner, text: JSON.stringify(body), toldAtMs: clock.nowMs() })
    } catch (error) {
      log.error({ kind: notice.kind, cause: String(error) }, 'an owner could not be told')
    }
  }

  counts(): NoticeCounts {
    const sums = { delivered: 0, dropped: 0, waiting: 0 }
    for (const { counts, waiting } of this.#lanes.values()) {
      sums.delivered += counts.delivered
      sums.dropped += counts.dropped
      sums.waiting += waiting
    }
    return sums
  }

  /** Whatever is left gets one more try, and a moment for it. */
  async close(): Promise<void> {
    const lanes = [...this.#lanes.values()]
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WITHIN_MS)
    })
    await Promise.race([Promise.all(lanes.map((lane) => lane.close())), enough])
    clearTimeout(timer)
    this.#stop.abort()
  }

  #laneOf(webhook: Webhook): Lane {
    const id = webhookId(webhook)
    let lane = this.#lanes.get(id)
    if (lane === undefined) {
      lane = new Lane(webhook, { ...this.#ports, signal: this.#stop.signal })
      this.#lanes.set(id, lane)
    }
    return lane
  }

  #isOld({ kind, owner, connection, detail }: Notice): boolean {
    if (ALWAYS.has(kind)) return false
    const nowMs = this.#ports.clock.nowMs()
    const key = JSON.stringify([kind, owner, connection, BY_SENTENCE.has(kind) ? detail : ''])
    const before = this.#told.get(key)
    if (before !== undefined && nowMs - before < HOUR_MS) return true
    // Oldest first: told again, it is the youngest.
    this.#told.delete(key)
    this.#told.set(key, nowMs)
    if (this.#told.size > KEYS) this.#told.delete(this.#told.keys().next().value as string)
    return false
  }
}
