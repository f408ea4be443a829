/** Looks for a connection's credential in one answer, piece by piece; the one before a rotation is looked for as well. */
import type { AnswerScan } from '#contract'
import type { Seeker } from './seeker.ts'

/** What is to be looked for on a connection; it changes when the credential does. */
export interface Sought {
  current: Seeker | undefined
  previous: Seeker | undefined
}

const NOTHING = Buffer.alloc(0)

export class Scanner implements AnswerScan {
  readonly #sought: Sought
  /** Of the credential that was placed. */
  readonly #placed: Seeker | undefined
  #held: Buffer = NOTHING

  constructor(sought: Sought) {
    this.#sought = sought
    this.#placed = sought.current
  }

  holds(piece: Buffer): boolean {
    const { current, previous } = this.#sought
    const placed = this.#placed
    if (placed?.finds(piece) === true) return true
    if (current !== placed && current?.finds(piece) === true) return true
    return previous !== undefined && previous !== placed && previous.finds(piece)
  }

  pass(chunk: Buffer, last: boolean): Buffer | undefined {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (this.holds(bytes)) return undefined
    this.#held = NOTHING
    if (last) return bytes
    const at = this.#opening(bytes)
    if (at === bytes.length) return bytes
    // Copied: it must not keep the whole chunk alive.
    this.#held = Buffer.from(bytes.subarray(at))
    return bytes.subarray(0, at)
  }

  rest(): Buffer {
    const held = this.#held
    this.#held = NOTHING
    return held
  }

  #opening(bytes: Buffer): number {
    const { current, previous } = this.#sought
    const placed = this.#placed
    let at = placed?.opening(bytes) ?? bytes.length
    if (current !== placed && current !== undefined) at = Math.min(at, current.opening(bytes))
    if (previous !== undefined && previous !== placed) at = Math.min(at, previous.opening(bytes))
    return at
  }
}
