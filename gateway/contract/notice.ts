/** What owners are told: by their webhook, the log and the status. */

export type NoticeKind =
  | 'connection-paused'
  | 'connection-resumed'
  | 'operation-paused'
  | 'credential-refused'
  | 'credential-leaked'
  | 'quota-low'
  | 'quota-exhausted'
  | 'quota-drift'
  | 'bad-answer'
  | 'payout'
  | 'settlement-unknown'

export interface Notice {
  readonly kind: NoticeKind
  /** Undefined where it concerns the operator alone. */
  readonly owner: string | undefined
  /** Undefined where it concerns the owner as a whole. */
  readonly connection: string | undefined
  /** One sentence for a person; never a secret, never another party's name. */
  readonly detail: string
  /** Of the quota, that has been used at least; with `quota-low`. */
  readonly percent?: number
}

/** Of this process: each webhook that a notice went to counts. */
export interface NoticeCounts {
  readonly delivered: number
  /** Given up, or too many at once. */
  readonly dropped: number
  readonly waiting: number
}

export interface Notices {
  /** Never throws and never waits; what is told again and again is told once in a while. */
  tell(notice: Notice): void
  /** Undefined where another process does the telling. */
  readonly counts?: () => NoticeCounts
}
