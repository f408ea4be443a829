/** Who walks through numbers: calls that are the one before but for one number, which moves on by a little each time. */
import { LRUCache } from 'lru-cache'

const WALKERS = 10_000
/** Of what is compared. */
const CHARACTERS = 512
/** Between two steps: calls that are made side by side do not arrive in their order. */
const STRIDE = 16
/** A number written decimal or hexadecimal, short enough to be exact. */
const DIGITS = 12

interface Walk {
  last: string
  steps: number
  /** How far it has come: who goes to and fro comes nowhere. */
  moved: number
}

const isHexDigit = (code: number): boolean => (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70)

/** By how much one number in the text has grown, where that is all that differs; 0: something else differs, or nothing. */
export function stepBetween(before: string, after: string): number {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start += 1
  let end = 0
  while (end < shorter - start && before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end)) end += 1
  // What follows in the same number belongs to it: from 109 to 119 is ten.
  while (end > 0 && isHexDigit(after.charCodeAt(after.length - end))) end -= 1
  const [from, to] = [before.slice(start, before.length - end), after.slice(start, after.length - end)]
  if (from.length > DIGITS || to.length > DIGITS) return 0
  if (/^\d*$/.test(from) && /^\d*$/.test(to)) return Number(to) - Number(from)
  return /^[0-9a-f]+$/i.test(from) && /^[0-9a-f]+$/i.test(to) ? Number.parseInt(to, 16) - Number.parseInt(from, 16) : 0
}

export class Walks {
  readonly #walks = new LRUCache<string, Walk>({ maxSize: WALKERS, sizeCalculation: () => 1 })

  /** Steps in a row, this one included. The same call again is neither a step nor the end of a walk. */
  walked(who: string, asked: string): number {
    const text = asked.length > CHARACTERS ? asked.slice(0, CHARACTERS) : asked
    const walk = this.#walks.get(who)
    if (walk === undefined) {
      this.#walks.set(who, { last: text, steps: 0, moved: 0 })
      return 0
    }
    if (walk.last === text) return 0
    const step = stepBetween(walk.last, text)
    walk.last = text
    if (step === 0 || Math.abs(step) > STRIDE) {
      walk.steps = 0
      walk.moved = 0
      return 0
    }
    walk.steps += 1
    walk.moved += step
    return Math.abs(walk.moved) * 2 >= walk.steps ? walk.steps : 0
  }

  forget(subject: string): void {
    for (const who of this.#walks.keys()) if (who.startsWith(`${subject} `)) this.#walks.delete(who)
  }
}
