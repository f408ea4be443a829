/** How a gateway is misused, who answers for it, and what stands against him. */
import type { EpochMs } from './time.ts'

/** Closed list, in the order in which it is shown. */
export const ABUSES = ['key-guessing', 'unpaid-probing', 'error-farming', 'sweep', 'abandoned', 'payment-grinding'] as const
export type Abuse = (typeof ABUSES)[number]

/** `watched`: scored, and free to call. */
export type AbuseState = 'watched' | 'throttled' | 'blocked'

/** From which scores on what happens, and what is told of it. Scores are points of the last 60 s. */
export interface AbuseRules {
  readonly throttleAbove: number
  readonly blockAbove: number
  /** The first block; each further one is twice as long, up to the most. */
  readonly blockForMs: number
  readonly blockAtMostMs: number
  /** So much time after a block without another takes one doubling back. */
  readonly forgiveAfterMs: number
  /** Nothing is refused; what would be is kept and told. */
  readonly shadow: boolean
  /** Once a change: throttled, blocked, and `watched` again when it is forgiven. */
  changed(suspect: Suspect): void
}

/** Somebody with a score. */
export interface Suspect {
  /** `address:198.51.100.7`, `address:2001:db8:1:2::/64`, `key:k_…`, `wallet:0x…` */
  readonly subject: string
  readonly state: AbuseState
  readonly score: number
  /** Calls by kind, since he was last without any score. */
  readonly calls: Readonly<Record<Abuse, number>>
  /** Refused since he was found; in shadow: that would have been. */
  readonly refused: number
  /** Blocks that are not forgiven yet: the next one is so many doublings longer. */
  readonly blocks: number
  readonly shadow: boolean
  readonly sinceMs: EpochMs
  /** End of the block. */
  readonly untilMs: EpochMs | undefined
}

/** What stands against a subject now. */
export interface Standing {
  readonly score: number
  /** Seconds until its block ends, rounded up; 0: not blocked. */
  readonly blockedSeconds: number
}

/** Scores of abuse: bounded in number, in the memory of this process, and kept when the configuration is loaded again. */
export interface Meters {
  /** Nothing stands against anybody. */
  readonly quiet: boolean
  /** Undefined where nothing stands against it: the case of everybody honest, one look-up at most. */
  standing(subject: string): Standing | undefined
  /** A call of this kind. What is done while a block lasts does not count: it ends when it said. */
  add(subject: string, abuse: Abuse, points: number, rules: AbuseRules): void
  /** What was added proved to be none: never below nothing. */
  takeBack(subject: string, abuse: Abuse, points: number): void
  /** Points of the last 60 s, sliding. */
  perMinute(subject: string): number
  /** A call was turned away, or would have been. */
  refused(subject: string): void
  /** Bad calls of a subject since one of his came to a good end. */
  inARow(subject: string): number
  /** A call came to a good end. */
  ended(subject: string): void
  /** How many different ones the subject has asked for in this minute; what was among the last few is none. */
  different(subject: string, asked: string): number
  /** How many calls in a row were the one before but for a number that moves on; 0: this one is not. `who`: a subject, a blank, what he walks through. */
  walked(who: string, asked: string): number
  /** Against whom something stands, and everybody of at least this score; the worst first. */
  suspects(leastScore: number): readonly Suspect[]
  /** As if it had never been seen. False: it was not. */
  forget(subject: string): boolean
}

/** An IPv6 address answers with its /64: that is what one customer gets (RFC 6177). */
export function addressSubject(address: string): string {
  if (!address.includes(':')) return `address:${address}`
  const [plain = ''] = address.toLowerCase().split('%', 1)
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1]
  if (mapped !== undefined) return `address:${mapped}`
  const [left = '', right] = plain.split('::', 2)
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? 0 : right.split(':').length + (right.includes('.') ? 1 : 0)
  const gap = right === undefined ? 0 : Math.max(0, 8 - before.length - after)
  const groups = [...before, ...Array.from({ length: gap }, () => '0'), ...(right ?? '').split(':')].slice(0, 4)
  return `address:${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
