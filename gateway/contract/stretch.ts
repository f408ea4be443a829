/**
 * Audit lines where they stand in a chain, and stretches of it: the store's chain and the lines that books show are compared by one
 * digest a stretch, so that only a stretch that differs is read line by line.
 */
import { createHash, type Hash } from 'node:crypto'

/** As it was recorded; lines count from 0 within their group. */
export interface PlacedLine {
  readonly sequence: number
  readonly line: number
  readonly text: string
}

/** Of the groups `from` to `to`. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly lines: number
  readonly digest: string
}

/** A chain that was read again, and the audit lines in it up to a group that was asked for. */
export interface ReadChain {
  readonly ok: boolean
  readonly detail: string
  readonly groups: number
  /** First group that is there, and the last one whose hash is right. */
  readonly first: number
  readonly last: number
  /** Hash of the group that was asked for; undefined where the chain does not come so far. */
  readonly hash: string | undefined
  readonly stretches: readonly Stretch[]
  /** Where it broke: these groups are missing or not as they were written, and what follows was not read. */
  readonly broken: { readonly from: number; readonly to: number } | undefined
}

export const AUDIT_START = '{"t":"audit",'

export class StretchDigest {
  readonly #from: number
  #hash: Hash = createHash('sha256')
  #lines = 0

  constructor(from: number) {
    this.#from = from
  }

  add({ sequence, line, text }: PlacedLine): void {
    this.#hash.update(`${sequence} ${line} ${text}\n`)
    this.#lines += 1
  }

  /** Once. */
  end(to: number): Stretch {
    return { from: this.#from, to, lines: this.#lines, digest: this.#hash.digest('hex') }
  }
}
