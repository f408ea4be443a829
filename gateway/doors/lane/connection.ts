/**
 * One connection in the lane: a plain request, its answer, then the next. Whatever comes that is not plain leaves the lane with
 * its connection before any of it was carried out, and never comes back.
 */
import type { Socket } from 'node:net'
import type { Rolled } from '#contract'
import type { Client } from '../client.ts'
import { wasTaken } from '../closing.ts'
import { type PlainHead, plainHead } from './head.ts'
import { readsInto } from './inbox.ts'
import type { Answering, PlainRequest } from './request.ts'
import { LAST_CHUNK, writeChunk, writeHead, writeWhole } from './writing.ts'

/** A call that is under way. */
export interface Underway {
  onClientGone(): void
}

export interface LaneOwner {
  readonly limits: { readonly headers: number; readonly headerBytes: number; readonly bodyBytes: number }
  /** Undefined: with an answer its connection ends. */
  readonly idleMs: number | undefined
  readonly stillMs: number
  /** No connection is kept any more. */
  readonly closing: boolean
  /** Whether it is a call, and not a page of our own. */
  takes(target: string): boolean
  request(head: PlainHead, peer: Client, to: Answering): PlainRequest
  /** Undefined where it was answered at once. */
  serve(request: PlainRequest, body: Buffer): Underway | undefined
  /** For node:http, with what has come. */
  leave(connection: PlainConnection, socket: Socket, bytes: Buffer | undefined): void
  gone(connection: PlainConnection): void
}

/** The rest of a request that comes in pieces is waited for this long; who is slower is for node:http, which has all the limits. */
const REST_WITHIN_MS = 100
/** Longer bodies are read by node:http. */
const MOST_BODY_BYTES = 64 * 1024
/** What comes before the answer has left is kept up to here; then the connection is not read. */
const MOST_AHEAD_BYTES = 64 * 1024
const EMPTY = Buffer.alloc(0)
const HEAD_END = Buffer.from('\r\n\r\n')

export class PlainConnection implements Answering, Rolled {
  place = -1
  readonly #socket: Socket
  readonly #peer: Client
  readonly #owner: LaneOwner
  #kept: Buffer | undefined
  /** Of the last request. */
  #before: PlainHead | undefined
  #rest: NodeJS.Timeout | undefined
  /** It has no answer yet, or not all of it. */
  #current: PlainRequest | undefined
  #underway: Underway | undefined
  #begun = false
  #reading = false
  #left = false
  /** Its last answer has left. Nothing that still comes is carried out; it is read, so that the answer is not lost. */
  #over = false
  /** Whether what comes is in borrowed memory. */
  readonly #borrows: boolean
  readonly #onData = (bytes: Buffer): void => this.#came(bytes)
  readonly #onEnd = (): void => this.#end()
  readonly #onError = (): void => undefined
  readonly #onTimeout = (): void => this.#still()
  readonly #onClose = (): void => this.#closed()

  constructor(socket: Socket, peer: Client, owner: LaneOwner) {
    this.#socket = socket
    this.#peer = peer
    this.#owner = owner
    socket.setTimeout(owner.stillMs)
    this.#borrows = readsInto(socket, this.#onData)
    if (!this.#borrows) socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('timeout', this.#onTimeout)
    socket.on('close', this.#onClose)
  }

  /** Of an owner that is closing. A request that has begun gets an answer, unless its rest does not come (`REST_WITHIN_MS`). */
  close(): void {
    if (this.#current === undefined && this.#kept === undefined) this.#socket.destroy()
  }

  taken(): Promise<void> {
    return wasTaken(this.#socket)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  // ---------------------------------------------------------------- requests

  #came(bytes: Buffer): void {
    if (this.#left) return void this.#socket.emit('data', Buffer.from(bytes))
    if (this.#over) return
    this.#kept = this.#kept === undefined ? bytes : Buffer.concat([this.#kept, bytes])
    if (this.#current === undefined) this.#read()
    if (this.#kept === undefined) return
    if (this.#borrows) this.#kept = Buffer.from(this.#kept)
    if (this.#kept.length > MOST_AHEAD_BYTES) this.#socket.pause()
  }

  /** As far as it goes; what is answered at once is followed by the next in the same turn of the loop. */
  #read(): void {
    if (this.#reading) return
    this.#reading = true
    try {
      while (this.#kept !== undefined && this.#current === undefined && !this.#left) if (!this.#step(this.#kept)) break
    } finally {
      this.#reading = false
    }
  }

  /** False where more is needed first, or the connection has left. */
  #step(bytes: Buffer): boolean {
    const { limits } = this.#owner
    const end = bytes.indexOf(HEAD_END)
    const start = end + HEAD_END.length
    if (end === -1 ? bytes.length > limits.headerBytes : start > limits.headerBytes) return this.#leave()
    if (end === -1) return this.#wait()
    const head = plainHead(bytes.toString('latin1', 0, start), limits.headers, this.#before)
    if (head === undefined || head.length > Math.min(limits.bodyBytes, MOST_BODY_BYTES) || !this.#owner.takes(head.target)) return this.#leave()
    const next = start + head.length
    if (bytes.length < next) return this.#wait()
    this.#before = head
    clearTimeout(this.#rest)
    this.#rest = undefined
    this.#kept = bytes.length === next ? undefined : bytes.subarray(next)
    this.#serve(head, head.length === 0 ? EMPTY : Buffer.from(bytes.subarray(start, next)))
    return true
  }

  #wait(): false {
    this.#rest ??= setTimeout(() => this.#leave(), REST_WITHIN_MS)
    return false
  }

  #serve(head: PlainHead, body: Buffer): void {
    const request = this.#owner.request(head, this.#peer, this)
    this.#current = request
    const underway = this.#owner.serve(request, body)
    if (this.#current === request) this.#underway = underway
  }

  #leave(): false {
    if (this.#left) return false
    const socket = this.#socket
    this.#leftBehind()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('timeout', this.#onTimeout)
    socket.off('close', this.#onClose)
    const bytes = this.#kept
    this.#kept = undefined
    this.#owner.leave(this, socket, bytes === undefined ? undefined : Buffer.from(bytes))
    return false
  }

  #leftBehind(): void {
    this.#left = true
    clearTimeout(this.#rest)
    this.#rest = undefined
  }

  // ---------------------------------------------------------------- answers

  answer(to: PlainRequest, status: number, headers: string[], body: Buffer | string): void {
    const socket = this.#socket
    if (this.#current !== to || this.#begun || socket.destroyed) return
    writeWhole(socket, this.#owner.idleMs, status, headers, body)
    this.#wrote()
  }

  begin(to: PlainRequest, status: number, headers: string[]): void {
    if (this.#current !== to || this.#begun || this.#socket.destroyed) return
    writeHead(this.#socket, this.#owner.idleMs, status, headers)
    this.#begun = true
  }

  write(to: PlainRequest, chunk: Buffer): boolean {
    const socket = this.#socket
    if (this.#current !== to || socket.destroyed || chunk.length === 0) return true
    return writeChunk(socket, chunk)
  }

  end(to: PlainRequest): void {
    if (this.#current !== to || this.#socket.destroyed) return
    this.#socket.write(LAST_CHUNK, 'latin1')
    this.#wrote()
  }

  abort(to: PlainRequest): void {
    if (this.#current === to) this.#socket.destroy()
  }

  drained(to: PlainRequest, resume: () => void): void {
    if (this.#current === to) this.#socket.once('drain', resume)
  }

  /** The next request waits until the other side has taken this answer. */
  #wrote(): void {
    this.#underway = undefined
    if (this.#socket.writableLength === 0) this.#answered()
    else this.#socket.write('', (error) => void (error ?? this.#answered()))
  }

  #answered(): void {
    this.#current = undefined
    this.#begun = false
    if (this.#socket.isPaused()) this.#socket.resume()
    if (this.#owner.closing) return this.#last()
    if (this.#kept !== undefined && !this.#reading) setImmediate(() => this.#read())
  }

  #last(): void {
    this.#over = true
    this.#kept = undefined
    this.#socket.end()
  }

  // ---------------------------------------------------------------- the connection

  /** The other side says nothing more: as node:http has it, it does not want an answer either. */
  #end(): void {
    if (this.#current === undefined && this.#kept !== undefined && this.#leave() === false) this.#socket.emit('end')
    else this.#socket.end()
  }

  /** Nothing moved for as long as a connection may be idle. Who waits for an answer of ours is not idle; who does not take it is cut off. */
  #still(): void {
    if (this.#current !== undefined && this.#socket.writableLength === 0) this.#socket.setTimeout(this.#owner.stillMs)
    else this.#socket.destroy()
  }

  #closed(): void {
    this.#leftBehind()
    this.#current = undefined
    this.#owner.gone(this)
    const underway = this.#underway
    this.#underway = undefined
    underway?.onClientGone()
  }
}
