/**
 * One request and what comes of it: composed in the last moment, with the credential; its answer looked through for that
 * credential before any of it goes on; decoded where it was coded although nobody asked for that.
 */
import type { AnswerScan } from '#contract'
import { isEventStream } from '../headers.ts'
import { type LeakBook, LeakError } from '../leaks.ts'
import type { Attempt, AttemptEvents, OutgoingRequest, PlaceCredential } from '../transport.ts'
import { decode, decodedFields, isKnownCoding } from './decoding.ts'
import { type Head, MalformedAnswer } from './head.ts'
import type { Carried, Line } from './line.ts'

/** What every exchange of a transport uses. */
export interface Desk {
  readonly place: PlaceCredential
  readonly leaks: LeakBook | undefined
  /** The most that a coded answer may be, coded and decoded. */
  readonly bufferBytes: number
}

export interface Target {
  /** For the Host field. */
  readonly host: string
  readonly basePath: string
}

const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
const PATH = /^[\x21-\x7e\x80-\xff]+$/
const HAS_LENGTH: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

export class Exchange implements Carried, Attempt {
  readonly #desk: Desk
  readonly #target: Target
  readonly #outgoing: OutgoingRequest
  readonly #events: AttemptEvents
  #line: Line | undefined
  #scan: AnswerScan | undefined
  /** Of an answer that is coded: its head and what has come of it. */
  #coded: { readonly head: Head; readonly pieces: Buffer[]; size: number } | undefined
  #over = false
  sent = false

  constructor(desk: Desk, target: Target, outgoing: OutgoingRequest, events: AttemptEvents) {
    this.#desk = desk
    this.#target = target
    this.#outgoing = outgoing
    this.#events = events
  }

  get over(): boolean {
    return this.#over
  }

  get method(): string {
    return this.#outgoing.method
  }

  get body(): Uint8Array {
    return this.#outgoing.body
  }

  /** The head of the request, about to be written to the line; undefined where it cannot be made, which ends the exchange. */
  request(line: Line): string | undefined {
    try {
      const text = this.#compose()
      this.#line = line
      this.sent = true
      return text
    } catch (error) {
      this.fail(error as Error)
      return undefined
    }
  }

  #compose(): string {
    const { connection, method, path, query, body } = this.#outgoing
    const { host, basePath } = this.#target
    // Of their own, so that nothing keeps the credential once this is written.
    const headers = this.#outgoing.headers.slice()
    const outgoing = { path: basePath + path + query, headers }
    this.#scan = this.#desk.place(connection, outgoing, basePath) ?? undefined
    if (!PATH.test(outgoing.path)) throw new Error('the path of a request holds what no path may')
    let text = `${method} ${outgoing.path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`
    for (let at = 0; at < headers.length; at += 2) {
      const value = headers[at + 1] as string
      if (!TEXT.test(value)) throw new Error('a field of a request holds what no field may')
      text += `${headers[at]}: ${value}\r\n`
    }
    if (body.length > 0 || HAS_LENGTH.has(method)) text += `content-length: ${body.length}\r\n`
    return `${text}\r\n`
  }

  // ---------------------------------------------------------------- the answer

  head(head: Head): boolean {
    if (this.#scan?.holds(head.bytes) === true) return this.#leaked('the head of an answer')
    if (head.status < 200) return true
    if (head.coding === undefined) return this.#events.head(head.status, head.fields, () => this.#line?.resume(this))
    if (!isKnownCoding(head.coding)) return this.#unreadable('the answer is coded in a way that nobody asked for')
    if (this.#outgoing.operation.streaming === true || isEventStream(head.fields)) return this.#unreadable('a stream is coded although nobody asked for that')
    this.#coded = { head, pieces: [], size: 0 }
    return true
  }

  piece(bytes: Buffer, last: boolean): boolean {
    const coded = this.#coded
    if (coded !== undefined) {
      coded.pieces.push(bytes)
      coded.size += bytes.length
      return coded.size <= this.#desk.bufferBytes || this.#unreadable('the answer is coded although nobody asked for that, and too long to be decoded')
    }
    const clean = this.#scan === undefined ? bytes : this.#scan.pass(bytes, last)
    if (clean === undefined) return this.#leaked('the body of an answer')
    return clean.length === 0 || this.#events.data(clean)
  }

  trailers(bytes: Buffer): void {
    if (this.#scan?.holds(bytes) === true) this.#leaked('the trailers of an answer')
  }

  end(): void {
    if (this.#over) return
    if (this.#coded !== undefined && !this.#decoded(this.#coded)) return
    const rest = this.#scan?.rest()
    if (rest !== undefined && rest.length > 0) this.#events.data(rest)
    if (this.#over) return
    this.#over = true
    this.#desk.leaks?.clean(this.#outgoing.connection, this.#outgoing.operation)
    try {
      this.#events.end()
    } catch (error) {
      this.#events.error(error as Error, true)
    }
  }

  /** The whole answer, as if it had not been coded; false where that ended the exchange. */
  #decoded({ head, pieces, size }: { readonly head: Head; readonly pieces: Buffer[]; readonly size: number }): boolean {
    const body = size === 0 ? Buffer.alloc(0) : decode(Buffer.concat(pieces, size), head.coding as string, this.#desk.bufferBytes)
    if (body === undefined) return this.#unreadable('the answer is coded although nobody asked for that, and cannot be decoded within the bound')
    if (this.#scan?.holds(body) === true) return this.#leaked('the body of an answer')
    this.#events.head(head.status, decodedFields(head.fields), () => undefined)
    if (body.length > 0 && !this.#over) this.#events.data(body)
    return !this.#over
  }

  #unreadable(why: string): false {
    this.fail(new MalformedAnswer(why))
    return false
  }

  #leaked(where: string): false {
    if (this.#over) return false
    this.#desk.leaks?.hit(this.#outgoing.connection, this.#outgoing.operation, where)
    this.fail(new LeakError())
    return false
  }

  fail(cause: Error): void {
    if (this.#over) return
    this.#over = true
    this.#line?.drop(this)
    this.#events.error(cause, this.sent)
  }

  abort(): void {
    this.fail(new Error('given up'))
  }
}
