/** Lines put together as bytes, in memory that grows: piece by piece out of others, without a text between. */
import { copyText } from './text-bytes.ts'

const FIRST_BYTES = 64 * 1024
const COMMA = 0x2c

const NOTHING = Buffer.allocUnsafeSlow(0)

/** What is put into many lines. */
export const fixedText = (text: string): DataView => new DataView(new TextEncoder().encode(text).buffer)

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

export class LineBytes {
  /** As much as was put the last time fits without growing. */
  static #usualBytes = FIRST_BYTES
  #bytes = NOTHING
  view = viewOf(NOTHING)
  #end = 0

  /** Room for so many more: asked for before they are put, once a line. */
  room(count: number): void {
    if (this.#end + count <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafeSlow(Math.max(LineBytes.#usualBytes, (this.#end + count) * 2))
    this.#bytes.copy(bytes, 0, 0, this.#end)
    this.#bytes = bytes
    this.view = viewOf(bytes)
  }

  put(from: DataView, start: number, end: number): void {
    copyText(from, start, this.view, this.#end, end - start)
    this.#end += end - start
  }

  putAll(from: DataView): void {
    this.put(from, 0, from.byteLength)
  }

  /** Behind a comma. */
  member(from: DataView, start: number, end: number): void {
    this.view.setUint8(this.#end, COMMA)
    this.#end += 1
    this.put(from, start, end)
  }

  /** How many bytes there are. */
  get end(): number {
    return this.#end
  }

  /** Takes away what was put since then. */
  cut(end: number): string {
    const text = this.#bytes.toString('utf8', end, this.#end)
    this.#end = end
    return text
  }

  /** Any text; it asks for its own room. */
  text(text: string): void {
    this.room(text.length * 3)
    this.#end += this.#bytes.write(text, this.#end)
  }

  /** What was put since it was last taken: memory of its own. */
  take(): Uint8Array<ArrayBuffer> {
    if (this.#end === 0) return new Uint8Array()
    const taken = this.#bytes.subarray(0, this.#end)
    LineBytes.#usualBytes = Math.max(FIRST_BYTES, this.#end + (this.#end >>> 3))
    this.#bytes = NOTHING
    this.view = viewOf(NOTHING)
    this.#end = 0
    return taken
  }
}
