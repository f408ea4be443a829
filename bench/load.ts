/**
 * The client: a process of its own with raw sockets, one request at a time on each. Told by its parent what to send and for
 * how long; answers with counts and latencies, then waits for the next order.
 *
 * Without a rate each connection asks again as soon as it is answered: what a server can do at most. With one the requests
 * fall due on a timetable that does not wait for the server, and a latency counts from when its request was due, so that a
 * server that stalls is charged with everything that it kept waiting.
 */

import { connect, type Socket } from 'node:net'
import { Answer } from './answer.ts'
import { Latencies } from './latencies.ts'

export interface Order {
  /** Comes back with the result, so that no result is taken for another's. */
  readonly id: number
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Whole requests; connection n sends request n modulo their number. */
  readonly requests: readonly string[]
  /** Twelve bytes in base64 at this offset are another number in each request: one payment is one call. */
  readonly uniqueAt?: number | undefined
  /** Requests a second that are due, whatever the server does; without it as many as it answers. */
  readonly rate?: number | undefined
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
  readonly p999Ms: number
  /** How late this client itself sent what was due; 0 without a rate. */
  readonly lateP99Ms: number
  /** This client's own. */
  readonly cpuMicros: number
  /** Head of the last answer with 200, to look at; empty where there was none. */
  readonly head: string
}

const DRAIN_MS = 5_000

interface Connection {
  /** Sends the next request, which was due at this time. */
  send(dueMs: number): void
}

class Run {
  readonly #order: Order
  readonly #statuses: Record<string, number> = {}
  readonly #latencies = new Latencies()
  readonly #late = new Latencies()
  readonly #cpu = process.cpuUsage()
  #startMs = performance.now()
  #deadlineMs: number
  readonly #sockets: Socket[] = []
  readonly #done: (result: Result) => void
  #drain: NodeJS.Timeout
  /** With a rate: the timetable runs. */
  #begun = false
  /** With a rate: connections that wait for something to be due. */
  readonly #idle: Connection[] = []
  #due = 0
  #sent = 0
  #opened = 0
  #waiting = 0
  #ended = false
  #inTime = 0
  #head = ''

  constructor(order: Order, done: (result: Result) => void) {
    this.#order = order
    this.#done = done
    this.#deadlineMs = this.#startMs + order.seconds * 1000
    for (let n = 0; n < order.connections; n++) this.#open(Buffer.from(order.requests[n % order.requests.length] as string), n)
    this.#drain = setTimeout(() => this.#end(), order.seconds * 1000 + DRAIN_MS)
  }

  #open(request: Buffer, connection: number): void {
    const { port, uniqueAt } = this.#order
    let count = 0
    const answer = new Answer()
    let sinceMs = 0
    let isAsking = false
    const send = (dueMs: number): void => {
      if (uniqueAt !== undefined) request.write(this.#unique(connection, ++count), uniqueAt, 'latin1')
      sinceMs = dueMs
      isAsking = true
      this.#waiting += 1
      socket.write(request)
    }
    const own = { send }
    const read = (size: number, buffer: Uint8Array): boolean => {
      if (!answer.take(buffer as Buffer, size)) return true
      isAsking = false
      this.#waiting -= 1
      this.#answered(answer, sinceMs)
      this.#next(own)
      return true
    }
    const broken = (): void => {
      if (!isAsking || this.#ended) return
      isAsking = false
      this.#waiting -= 1
      this.#add('broken')
      this.#next(undefined)
    }
    const opened = (): void => {
      this.#opened += 1
      this.#next(own)
      if (this.#order.rate !== undefined && this.#opened === this.#order.connections) this.#begin()
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: Buffer.allocUnsafe(65_536), callback: read } }, opened)
    socket.on('error', broken).on('close', broken)
    this.#sockets.push(socket)
  }

  #unique(connection: number, count: number): string {
    const number = this.#order.id.toString(16).padStart(3, '0') + connection.toString(16).padStart(2, '0') + count.toString(16).padStart(7, '0')
    return Buffer.from(number, 'latin1').toString('base64')
  }

  /** What a connection that is free does now. */
  #next(connection: Connection | undefined): void {
    const { rate } = this.#order
    const nowMs = performance.now()
    if (rate === undefined) {
      if (connection !== undefined && nowMs < this.#deadlineMs) return connection.send(nowMs)
    } else {
      if (connection !== undefined) this.#idle.push(connection)
      if (!this.#begun) return
      this.#sendDue(nowMs)
    }
    if (nowMs >= this.#deadlineMs && this.#waiting === 0 && this.#sent >= this.#due) this.#end()
  }

  /** The timetable begins when all connections are open: what a kept connection waits for is asked, not how they are opened. */
  #begin(): void {
    const { seconds } = this.#order
    this.#begun = true
    this.#startMs = performance.now()
    this.#deadlineMs = this.#startMs + seconds * 1000
    clearTimeout(this.#drain)
    this.#drain = setTimeout(() => this.#end(), seconds * 1000 + DRAIN_MS)
    this.#tick()
  }

  /** Once a millisecond, which is what a timer can do: the requests of each millisecond fall due together. */
  #tick(): void {
    if (this.#ended) return
    const nowMs = performance.now()
    this.#sendDue(nowMs)
    if (nowMs < this.#deadlineMs) setTimeout(() => this.#tick(), 1)
    else if (this.#waiting === 0 && this.#sent >= this.#due) this.#end()
  }

  #sendDue(nowMs: number): void {
    const { rate = 0, seconds } = this.#order
    this.#due = Math.floor((Math.floor(Math.min(nowMs - this.#startMs, seconds * 1000)) * rate) / 1000)
    while (this.#sent < this.#due && this.#idle.length > 0) {
      this.#sent += 1
      const dueMs = this.#startMs + Math.ceil((this.#sent * 1000) / rate)
      this.#late.add(nowMs - dueMs)
      this.#idle.shift()?.send(dueMs)
    }
  }

  #answered(answer: Answer, sinceMs: number): void {
    const nowMs = performance.now()
    this.#add(answer.status)
    if (answer.status === '200') this.#head = answer.head
    const inTime = nowMs < this.#deadlineMs
    if (inTime) this.#inTime += 1
    // On a timetable what comes after the end counts, too: leaving out the slowest would flatter.
    if (inTime || this.#order.rate !== undefined) this.#latencies.add(nowMs - sinceMs)
  }

  #add(status: string): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
  }

  /** Once: when the last connection is through, or when the time to drain is over. */
  #end(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#drain)
    const unanswered = this.#waiting + this.#due - this.#sent + this.#order.connections - this.#opened
    if (unanswered > 0) this.#statuses.unanswered = unanswered
    for (const socket of this.#sockets.splice(0)) socket.destroy()
    const { user, system } = process.cpuUsage(this.#cpu)
    const [late, { percentile }] = [this.#late, { percentile: (part: number) => this.#latencies.percentile(part) }]
    this.#done({
      ...{ id: this.#order.id, statuses: this.#statuses, inTime: this.#inTime, head: this.#head, cpuMicros: user + system },
      elapsedSeconds: Math.min(performance.now(), this.#deadlineMs) / 1000 - this.#startMs / 1000,
      ...{ p50Ms: percentile(0.5), p99Ms: percentile(0.99), p999Ms: percentile(0.999) },
      lateP99Ms: this.#order.rate === undefined ? 0 : late.percentile(0.99),
    })
  }
}

process.on('message', (order: Order) => {
  new Run(order, (result) => process.send?.(result))
})
process.on('disconnect', () => process.exit(0))
