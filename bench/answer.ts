/** Reads one HTTP answer after another from the chunks of a socket: the least parsing that knows the status and the end. */

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = '0\r\n\r\n'

export class Answer {
  head = ''
  status = ''
  #bodyLeft = 0
  #chunked = false
  #inBody = false
  #partial = ''

  /** True when the answer is whole. */
  take(buffer: Buffer, size: number): boolean {
    if (this.#inBody) return this.#body(buffer, 0, size)
    const end = this.#partial === '' ? buffer.indexOf(HEAD_END) : -1
    if (end >= 0 && end + 4 <= size) return this.#start(buffer.toString('latin1', 0, end + 2)) && this.#body(buffer, end + 4, size)
    return this.#pieces(buffer.toString('latin1', 0, size))
  }

  /** The rare case of a head in several pieces. */
  #pieces(text: string): boolean {
    this.#partial += text
    const end = this.#partial.indexOf('\r\n\r\n')
    if (end < 0) return false
    const whole = Buffer.from(this.#partial, 'latin1')
    this.#partial = ''
    return this.#start(whole.toString('latin1', 0, end + 2)) && this.#body(whole, end + 4, whole.length)
  }

  #start(head: string): true {
    this.head = head
    this.status = head.slice(9, 12)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#chunked = length === undefined
    this.#bodyLeft = Number(length ?? 0)
    this.#inBody = true
    return true
  }

  #body(buffer: Buffer, from: number, to: number): boolean {
    this.#bodyLeft -= to - from
    const whole = this.#chunked ? buffer.toString('latin1', Math.max(from, to - LAST_CHUNK.length), to) === LAST_CHUNK : this.#bodyLeft <= 0
    this.#inBody = !whole
    return whole
  }
}
