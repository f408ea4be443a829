/**
 * The connections to one provider: those that wait for a request, and requests that wait for a connection. A line that has
 * answered rests for a whole turn of the event loop before it serves again: what came behind the answer shows itself first.
 */
import type { buildConnector } from 'undici'
import type { Connector } from './connect.ts'
import { type Carried, Line, type LineOwner } from './line.ts'

const MOST_LINES = 512
/** The first look after an answer may still be in the turn in which it came. */
const REST_TURNS = 2
const SWEEP_MS = 1_000

export class Lines implements LineOwner {
  readonly #connect: Connector
  readonly #to: buildConnector.Options
  readonly #most: number
  /** First come, first served. */
  #waiting: Carried[] = []
  readonly #lines = new Set<Line>()
  /** The last one served last: few lines stay warm, and those that are not needed end. */
  #idle: Line[] = []
  #resting: Line[] = []
  #opening = 0
  #scheduled = false
  #sweeping: NodeJS.Timeout | undefined
  #closed = false
  readonly #turn = (): void => this.#look()

  constructor(url: URL, connect: Connector, most = MOST_LINES) {
    this.#connect = connect
    this.#most = most
    const { protocol, port, host } = url
    this.#to = { hostname: url.hostname.replace(/^\[|\]$/g, ''), host, protocol, port }
  }

  send(exchange: Carried): void {
    this.#waiting.push(exchange)
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#sweeping)
    for (const line of this.#lines) line.destroy()
    for (const exchange of this.#waiting.splice(0)) exchange.fail(new Error('the gateway is stopping'))
  }

  free(line: Line): void {
    this.#resting.push(line)
    this.#schedule()
  }

  gone(line: Line): void {
    this.#lines.delete(line)
    for (const list of [this.#idle, this.#resting]) {
      const at = list.indexOf(line)
      if (at !== -1) list.splice(at, 1)
    }
    if (this.#waiting.length > 0) this.#schedule()
  }

  /** Requests of one turn leave together, after everything that had come for the idle lines was read. */
  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(this.#turn)
  }

  #look(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#rest()
    this.#serve()
    const needed = this.#waiting.length - this.#resting.length - this.#opening
    const room = this.#most - this.#lines.size - this.#opening
    for (let count = Math.min(needed, room); count > 0; count -= 1) this.#open()
    if (this.#resting.length > 0) this.#schedule()
    if (this.#idle.length > 0) this.#sweeping ??= setTimeout(() => this.#sweep(), SWEEP_MS).unref()
  }

  #rest(): void {
    if (this.#resting.length === 0) return
    const resting: Line[] = []
    for (const line of this.#resting) {
      line.rested += 1
      if (line.rested < REST_TURNS) resting.push(line)
      else this.#idle.push(line)
    }
    this.#resting = resting
  }

  #cleanLine(): Line | undefined {
    const nowMs = performance.now()
    for (let line = this.#idle.pop(); line !== undefined; line = this.#idle.pop()) {
      if (line.isClean(nowMs)) return line
      line.destroy()
    }
    return undefined
  }

  /** Those who wait, as far as there are lines; what an exchange does while it begins may bring others, or end some. */
  #serve(): void {
    const waiting = this.#waiting
    let at = 0
    try {
      while (at < waiting.length) {
        const exchange = waiting[at] as Carried
        const line = exchange.over ? undefined : this.#cleanLine()
        if (line === undefined && !exchange.over) break
        // It waits no more before it begins: nothing is sent twice, whatever comes of it.
        at += 1
        if (line !== undefined && !line.begin(exchange)) this.#idle.push(line)
      }
    } finally {
      if (at > 0) waiting.splice(0, at)
    }
  }

  #open(): void {
    this.#opening += 1
    let line: Line | undefined
    const received = (bytes: Buffer): void => line?.came(bytes)
    this.#connect(this.#to, received, (...[error, socket]) => {
      this.#opening -= 1
      if (error !== null) return this.#failed(error)
      if (this.#closed) return void socket.destroy()
      line = new Line(socket, this)
      this.#lines.add(line)
      this.#idle.push(line)
      this.#look()
    })
  }

  /** Each connection is made for one that waits. */
  #failed(error: Error): void {
    for (let exchange = this.#waiting.shift(); exchange !== undefined; exchange = this.#waiting.shift()) {
      if (exchange.over) continue
      exchange.fail(error)
      break
    }
    if (this.#waiting.length > 0) this.#schedule()
  }

  #sweep(): void {
    this.#sweeping = undefined
    const nowMs = performance.now()
    const good = this.#idle.filter((line) => line.isClean(nowMs))
    const over = this.#idle.filter((line) => !good.includes(line))
    this.#idle = good
    for (const line of over) line.destroy()
    if (good.length > 0) this.#sweeping = setTimeout(() => this.#sweep(), SWEEP_MS).unref()
  }
}
