/** The audit log as the books show it, and its proof: against the lines that the books keep, and against the journal where there is one. */
import type { AuditAsk, AuditLine, PlacedLine, ReadChain, Stretch } from '#contract'
import { auditLine, differenceOf } from './audit.ts'
import type { Feed } from './front.ts'
import type { Thread } from './thread.ts'

/** What the proof asks of a journal. */
export interface JournalTrail {
  /** The chain read again, with its audit lines up to a group summed up. */
  audited(upTo: number): Promise<ReadChain>
  /** Those of a part of one segment as they stand there. */
  auditLines(from: number, to: number): Promise<readonly PlacedLine[]>
}

/** `source`: of a journal that can be read again. */
export function trailOf(thread: Thread, feed: Pick<Feed, 'settled'>, source: Partial<JournalTrail> = {}): Trail {
  const { audited, auditLines } = source
  return new Trail(thread, feed, audited === undefined || auditLines === undefined ? undefined : { audited, auditLines })
}

export interface AuditProof {
  readonly problems: readonly string[]
  readonly lines: number
  /** What was read, and how it ends. */
  readonly detail: string
}

export class Trail {
  readonly #thread: Thread
  readonly #feed: Pick<Feed, 'settled'>
  readonly #journal: JournalTrail | undefined

  constructor(thread: Thread, feed: Pick<Feed, 'settled'>, journal: JournalTrail | undefined) {
    this.#thread = thread
    this.#feed = feed
    this.#journal = journal
  }

  /** Oldest first. */
  async tail(ask: AuditAsk): Promise<readonly AuditLine[]> {
    await this.#feed.settled()
    return (await this.#thread.ask('auditTail', [ask])).map(auditLine)
  }

  async prove(): Promise<AuditProof> {
    await this.#feed.settled()
    const own = await this.#thread.ask('auditProof', [])
    const { lines, sequence, hash } = own
    const detail = `${own.groups} groups, the last is ${sequence} ${hash}`
    if (this.#journal === undefined) return { lines, problems: own.problems, detail }
    const chain = await this.#journal.audited(sequence)
    const problems = [...(await this.#againstJournal(this.#journal, chain, sequence)), ...own.problems]
    if (chain.ok && chain.last >= sequence && sequence > 0 && chain.hash !== hash)
      problems.push(`the books have read another group ${sequence} than the journal has`)
    return { lines, problems, detail: chain.detail }
  }

  /** Where the chain is broken, what its lines are there; where it ends too early, what is gone; else the first stretch that differs. */
  async #againstJournal(journal: JournalTrail, chain: ReadChain, upTo: number): Promise<readonly string[]> {
    const ends = (to: number): number => Math.min(to, upTo)
    const problems = chain.ok ? [] : [chain.detail]
    const parts: { readonly from: number; readonly to: number }[] = []
    if (chain.ok && chain.first > 1) {
      const { length } = await this.#thread.ask('auditLines', [1, ends(chain.first - 1)])
      const where = `groups 1 to ${chain.first - 1} are neither in the journal nor in its archive`
      if (length > 0) problems.push(`${where}, and ${length} audit lines of them cannot be proven; put their segments back`)
    }
    const differs = await this.#differing(chain.stretches)
    if (differs !== undefined) parts.push(differs)
    if (chain.broken !== undefined) parts.push({ from: chain.broken.from, to: ends(chain.broken.to) })
    if (chain.ok && chain.last < upTo) {
      problems.push(`the journal ends with group ${chain.last}, and the books have read group ${upTo}: its end was cut off`)
      parts.push({ from: chain.last + 1, to: upTo })
    }
    for (const { from, to } of parts) {
      if (to < from) continue
      const shown = await this.#thread.ask('auditLines', [from, to])
      const difference = differenceOf(from >= chain.first ? await journal.auditLines(from, to) : [], shown)
      if (difference !== undefined) return [...problems, difference]
    }
    return problems
  }

  async #differing(stretches: readonly Stretch[]): Promise<Stretch | undefined> {
    for (const stretch of stretches) {
      const { lines, digest } = await this.#thread.ask('auditStretch', [stretch.from, stretch.to])
      if (lines !== stretch.lines || digest !== stretch.digest) return stretch
    }
    return undefined
  }
}
