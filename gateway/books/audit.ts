/** The audit lines among those that books read: rows beside the entries, and what to say where they and the chain differ. Pure. */
import { AUDIT_START, type AuditEntry, type AuditLine, type EpochMs, type PlacedLine } from '#contract'

/** Cheap test before anything is parsed. */
export function auditIn(lines: readonly string[], sequence: number): PlacedLine[] {
  const found: PlacedLine[] = []
  for (const [line, text] of lines.entries()) if (text.startsWith(AUDIT_START)) found.push({ sequence, line, text })
  return found
}

type Recorded = Omit<AuditEntry, 'owner'> & { readonly at: EpochMs; readonly owner?: string }

/** By what rows are found. @throws SyntaxError where the text is none that was recorded */
export const wordsOf = (text: string): { action: string; owner: string | undefined } => {
  const { action, owner } = JSON.parse(text) as Recorded
  return { action, owner }
}

/** @throws Error where somebody has made something else of it */
export function auditLine({ sequence, line, text }: PlacedLine): AuditLine {
  try {
    const { at, action, actor, owner, subject, detail } = JSON.parse(text) as Recorded
    return { action, actor, owner, subject, detail, sequence, line, atMs: at }
  } catch (cause) {
    throw new Error(`${placeOf({ sequence, line })} of the audit log is not readable; atlas audit verify says more`, { cause })
  }
}

const placeOf = ({ sequence, line }: Pick<PlacedLine, 'sequence' | 'line'>): string => `line ${line} of group ${sequence}`

/** Enough to know it by. */
function said(row: PlacedLine): string {
  try {
    const { action, subject, atMs } = auditLine(row)
    return `${action} ${subject} at ${new Date(atMs).toISOString()}`
  } catch {
    return 'not readable'
  }
}

/** The first difference between the same groups of both, in a sentence; undefined where there is none. */
export function differenceOf(chain: readonly PlacedLine[], shown: readonly PlacedLine[]): string | undefined {
  for (let index = 0; index < Math.max(chain.length, shown.length); index += 1) {
    const [one, other] = [chain[index], shown[index]]
    if (one !== undefined && other !== undefined && samePlace(one, other) && one.text === other.text) continue
    return differenceAt(one, other, surplusOf(chain, shown))
  }
  return undefined
}

const samePlace = (a: PlacedLine, b: PlacedLine): boolean => a.sequence === b.sequence && a.line === b.line

/** How much oftener a text stands in the chain than in the books. */
function surplusOf(chain: readonly PlacedLine[], shown: readonly PlacedLine[]): (text: string) => number {
  const counts = new Map<string, number>()
  for (const { text } of chain) counts.set(text, (counts.get(text) ?? 0) + 1)
  for (const { text } of shown) counts.set(text, (counts.get(text) ?? 0) - 1)
  return (text) => counts.get(text) ?? 0
}

function differenceAt(chain: PlacedLine | undefined, shown: PlacedLine | undefined, surplus: (text: string) => number): string {
  const isNew = chain !== undefined && surplus(chain.text) > 0
  const isGone = shown !== undefined && surplus(shown.text) < 0
  if (isNew && isGone && samePlace(chain, shown)) return `${placeOf(chain)} was altered: the chain has ${said(chain)}, the books have ${said(shown)}`
  if (isGone) return `${placeOf(shown)} (${said(shown)}) stands in the books and not in the chain: it was removed from the one or added to the other`
  if (isNew) return `${placeOf(chain)} (${said(chain)}) stands in the chain and not in the books: it was removed from the one or added to the other`
  const row = (chain ?? shown) as PlacedLine
  return `${placeOf(row)} (${said(row)}) stands at another place in the books: lines were put into another order`
}

/** What a driver's thread says of its own rows. */
export interface OwnProof {
  /** Up to where they are. */
  readonly sequence: number
  readonly hash: string
  readonly lines: number
  readonly groups: number
  readonly problems: readonly string[]
}

/** Lines kept beside rows: both are read in blocks of groups, and the first difference is told. */
export class Beside {
  #difference: string | undefined
  lines = 0

  block(chain: readonly PlacedLine[], shown: readonly PlacedLine[]): void {
    this.lines += shown.length
    this.#difference ??= differenceOf(chain, shown)
  }

  get problems(): readonly string[] {
    return this.#difference === undefined ? [] : [this.#difference]
  }
}
