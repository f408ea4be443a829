/** What an index of charges is made from: the records of one segment, read where they stand. */
import { idAt } from './charge-index.ts'
import { FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'
import { FIRST_SEED, FNV, hashOfId, mixed, SECOND_SEED } from './hashes.ts'

const QUOTE = 0x22
const TYPE_BYTES = '{"t":"'.length
/** How the three records of a charge begin, by the first letter of their type. */
const STARTS: (Buffer | undefined)[] = []
for (const type of ['charge', 'intent', 'settled']) STARTS[type.charCodeAt(0)] = Buffer.from(`{"t":"${type}","id":"`)
const IN_ID = new Uint8Array(256)
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-') IN_ID[char.charCodeAt(0)] = 1
const FIRST_ROOM = 65_536

/** The records of charges in one segment: by their hashes, without a text of each. */
export class Charges {
  highs = new Uint32Array(FIRST_ROOM)
  lows = new Uint32Array(FIRST_ROOM)
  places = new Uint32Array(FIRST_ROOM)
  count = 0

  clear(): void {
    this.count = 0
  }

  /** `at`: of its frame, which was found to be whole. */
  look(segment: Buffer, at: number, length: number): void {
    if (this.#plain(segment, at + HEAD_BYTES, at)) return
    const id = idAt(segment, at + HEAD_BYTES, length)
    if (id === undefined) return
    const { high, low } = hashOfId(id)
    this.#add(high, low, at)
  }

  /** As nearly all of them are; false where it has to be looked at otherwise. */
  #plain(segment: Buffer, from: number, frame: number): boolean {
    const start = STARTS[segment[from + TYPE_BYTES] as number]
    if (start === undefined) return false
    for (let index = 0; index < start.length; index += 1) if (segment[from + index] !== start[index]) return false
    let [high, low] = [FIRST_SEED, SECOND_SEED]
    let at = from + start.length
    for (let byte = segment[at] as number; IN_ID[byte] === 1; byte = segment[at] as number) {
      high = Math.imul(high ^ byte, FNV)
      low = Math.imul(low ^ byte, FNV)
      at += 1
    }
    if (segment[at] !== QUOTE || at === from + start.length) return false
    this.#add(mixed(high), mixed(low), frame)
    return true
  }

  #add(high: number, low: number, place: number): void {
    if (this.count === this.places.length) this.#grow()
    this.highs[this.count] = high
    this.lows[this.count] = low
    this.places[this.count] = place
    this.count += 1
  }

  #grow(): void {
    const grown = (of: Uint32Array): Uint32Array<ArrayBuffer> => {
      const more = new Uint32Array(of.length * 2)
      more.set(of)
      return more
    }
    this.highs = grown(this.highs)
    this.lows = grown(this.lows)
    this.places = grown(this.places)
  }
}

export function chargesIn(segment: Buffer): Charges {
  const charges = new Charges()
  for (let at = 0; ; ) {
    const length = frameAt(segment, at)
    if (length <= 0) return charges
    charges.look(segment, at, length)
    at += length + FRAME_BYTES
  }
}
