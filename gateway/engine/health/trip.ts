/** One attempt as its connection sees it: whose it is, when it went, and what it may be told. */
import type { AttemptEvents } from '../transport.ts'
import type { Lane } from './lane.ts'
import type { Standing } from './standing.ts'

/** The call did not go, and nothing of it was sent: the connection is closed to it, or its turn comes too late. */
export class NotNow extends Error {
  override name = 'NotNow'
  readonly why: 'open' | 'paced'
  /** Until another try makes sense. */
  readonly waitMs: number

  constructor(why: 'open' | 'paced', waitMs: number) {
    super(why === 'open' ? 'the connection fails and is being left alone' : 'the provider takes no more calls at the moment')
    this.why = why
    this.waitMs = waitMs
  }
}

export class Trip {
  readonly events: AttemptEvents
  readonly consumer: string
  /** An owner's own call: never held back by what is known of his connection, only by the provider's pace. */
  readonly isOwners: boolean
  /** Of its call. */
  readonly isFirst: boolean
  standing: Standing | undefined
  lane: Lane | undefined
  ticket = 0
  sentNs = 0
  /** It was handed to the transport. */
  hasBegun = false

  constructor(events: AttemptEvents, of: { readonly consumer: string; readonly isOwners: boolean; readonly isFirst: boolean }) {
    this.events = events
    this.consumer = of.consumer
    this.isOwners = of.isOwners
    this.isFirst = of.isFirst
  }

  begin(nowNs: number): void {
    this.hasBegun = true
    this.sentNs = nowNs
    this.ticket = this.standing?.breaker.enter() ?? 0
    this.lane?.pace.go(nowNs)
  }

  end(): void {
    this.hasBegun = false
    this.lane?.pace.ended()
  }

  notNow(cause: NotNow): undefined {
    this.events.error(cause, false)
  }
}
