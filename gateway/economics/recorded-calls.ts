/** Recorded calls while they are read, each in some bytes, and put in order when all of them are there. */
import { ByteTable, copyText, grown, hashOf } from '#contract'
import { orderOf } from './order.ts'
import type { Recorded } from './recorded.ts'

const FIRST_CALLS = 4096
const FIRST_BYTES = 256 * 1024

export class RecordedCalls {
  count = 0
  #receivedMs = new Float64Array(FIRST_CALLS)
  #numbers = new Int32Array(FIRST_CALLS)
  #hashes = new Int32Array(FIRST_CALLS)
  /** Where the receipt of each ends, behind those before. */
  #ends = new Float64Array(FIRST_CALLS)
  #receipts = new DataView(new ArrayBuffer(FIRST_BYTES))
  #end = 0
  /** Receipts of what was reversed. */
  readonly #refunded = new ByteTable()

  /** Its receipt stands in [from, to) of the view; of what has none that is empty. */
  add(receivedMs: number, number: number, view: DataView, from: number, to: number): void {
    const at = this.count
    if (at === this.#numbers.length) this.#growCalls()
    const length = to - from
    if (this.#end + length > this.#receipts.byteLength) this.#receipts = grown(this.#receipts, this.#end + length)
    copyText(view, from, this.#receipts, this.#end, length)
    this.#end += length
    this.#receivedMs[at] = receivedMs
    this.#numbers[at] = number
    this.#hashes[at] = hashOf(view, from, to)
    this.#ends[at] = this.#end
    this.count = at + 1
  }

  refund(receipt: string): void {
    const bytes = Buffer.from(receipt)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const hash = hashOf(view, 0, bytes.length)
    if (this.#refunded.find(hash, view, 0, bytes.length) === -1) this.#refunded.add(hash, view, 0, bytes.length)
  }

  /** By when they were received; what came in one millisecond stays in its order. */
  sorted(): Pick<Recorded, 'receivedMs' | 'numbers' | 'refunded'> {
    const { count } = this
    const order = orderOf(this.#receivedMs.subarray(0, count))
    const [receivedMs, numbers, refunded] = [new Float64Array(count), new Int32Array(count), new Uint8Array(count)]
    for (let index = 0; index < count; index += 1) {
      const at = order[index] as number
      receivedMs[index] = this.#receivedMs[at] as number
      numbers[index] = this.#numbers[at] as number
      if (this.#refunded.count > 0) refunded[index] = this.#isRefunded(at) ? 1 : 0
    }
    return { receivedMs, numbers, refunded }
  }

  #isRefunded(at: number): boolean {
    const from = at === 0 ? 0 : (this.#ends[at - 1] as number)
    return this.#refunded.find(this.#hashes[at] as number, this.#receipts, from, this.#ends[at] as number) !== -1
  }

  #growCalls(): void {
    const size = this.count * 2
    this.#receivedMs = copied(this.#receivedMs, new Float64Array(size))
    this.#ends = copied(this.#ends, new Float64Array(size))
    this.#numbers = copied(this.#numbers, new Int32Array(size))
    this.#hashes = copied(this.#hashes, new Int32Array(size))
  }
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
