/**
 * The client: a process of its own with raw sockets, one request at a time on each, the least parsing that counts statuses.
 * Told by its parent what to send and for how long; answers with counts and latencies, then waits for the next order.
 */

import { connect, type Socket } from 'node:net'

export interface Order {
  /** Comes back with the result, so that no result is taken for another's. */
  readonly id: number
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Whole requests; connection n sends request n modulo their number. */
  readonly requests: readonly string[]
  /** Twelve bytes in base64 at this offset are another number in each request: one payment is one call. */
  readonly uniqueAt?: number
}

export interface Result {
  readonly id: number
  /** Answers by status, those after the deadline included; `broken` counts sockets that closed or failed. */
  readonly statuses: Readonly<Record<string, number>>
  /** Answered before the deadline. */
  readonly inTime: number
  readonly elapsedSeconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Head of the last answer, to look at. */
  readonly head: string
}

const BUCKET_MS = 0.01
const BUCKETS = 100_000
const DRAIN_MS = 5_000
const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = '0\r\n\r\n'

class Run {
  readonly #order: Order
  readonly #statuses: Record<string, number> = {}
  readonly #latencies = new Uint32Array(BUCKETS)
  readonly #startMs = performance.now()
  readonly #deadlineMs: number
  readonly #sockets: Socket[] = []
  readonly #done: (result: Result) => void
  readonly #drain: NodeJS.Timeout
  #ended = false
  #inTime = 0
  #busy = 0
  #head = ''

  constructor(order: Order, done: (result: Result) => void) {
    this.#order = order
    this.#done = done
    this.#deadlineMs = this.#startMs + order.seconds * 1000
    for (let n = 0; n < order.connections; n++) this.#open(Buffer.from(order.requests[n % order.requests.length] as string), n)
    this.#drain = setTimeout(() => this.#end(), order.seconds * 1000 + DRAIN_MS)
  }

  #open(request: Buffer, connection: number): void {
    const { id, uniqueAt } = this.#order
    let count = 0
    const answer = new Answer()
    let sentMs = 0
    let waiting = true
    this.#busy++
    const send = (): void => {
      if (uniqueAt !== undefined) {
        count += 1
        const number = id.toString(16).padStart(3, '0') + connection.toString(16).padStart(2, '0') + count.toString(16).padStart(7, '0')
        request.write(Buffer.from(number, 'latin1').toString('base64'), uniqueAt, 'latin1')
      }
      sentMs = performance.now()
      socket.write(request)
    }
    const read = (size: number, buffer: Uint8Array): boolean => {
      if (!answer.take(buffer as Buffer, size)) return true
      const nowMs = performance.now()
      this.#count(answer, { tookMs: nowMs - sentMs, inTime: nowMs < this.#deadlineMs })
      if (nowMs < this.#deadlineMs) send()
      else leave()
      return true
    }
    const leave = (): void => {
      if (!waiting) return
      waiting = false
      if (--this.#busy === 0) this.#end()
    }
    const broken = (): void => {
      if (waiting && !this.#ended) this.#add('broken')
      leave()
    }
    const socket = connect({ port: this.#order.port, host: '127.0.0.1', noDelay: true, onread: { buffer: Buffer.allocUnsafe(65_536), callback: read } }, send)
    socket.on('error', broken).on('close', broken)
    this.#sockets.push(socket)
  }

  #count(answer: Answer, { tookMs, inTime }: { tookMs: number; inTime: boolean }): void {
    this.#add(answer.status)
    this.#head = answer.head
    if (!inTime) return
    this.#inTime++
    const bucket = Math.min(BUCKETS - 1, Math.floor(tookMs / BUCKET_MS))
    this.#latencies[bucket] = (this.#latencies[bucket] as number) + 1
  }

  #add(status: string): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
  }

  /** Once: when the last connection is through, or when the time to drain is over. */
  #end(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#drain)
    if (this.#busy > 0) this.#statuses.unanswered = this.#busy
    for (const socket of this.#sockets.splice(0)) socket.destroy()
    this.#done({
      id: this.#order.id,
      statuses: this.#statuses,
      inTime: this.#inTime,
      elapsedSeconds: Math.min(performance.now(), this.#deadlineMs) / 1000 - this.#startMs / 1000,
      p50Ms: this.#percentile(0.5),
      p99Ms: this.#percentile(0.99),
      head: this.#head,
    })
  }

  #percentile(part: number): number {
    let left = Math.ceil(this.#inTime * part)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#latencies[bucket] as number
      if (left <= 0) return (bucket + 1) * BUCKET_MS
    }
    return Number.POSITIVE_INFINITY
  }
}

/** Reads one answer after another from the chunks of a socket. */
class Answer {
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

process.on('message', (order: Order) => {
  new Run(order, (result) => process.send?.(result))
})
process.on('disconnect', () => process.exit(0))
