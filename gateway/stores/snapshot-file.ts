/**
 * A file of parts, each at a multiple of eight bytes, so that columns of numbers are used where they stand. What is where says the
 * JSON behind them; its length and a SHA-256 of all before end the file. It is read whole, and counts only where the digest fits.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { Pause } from './breath.ts'

/** Also tells the order of bytes: columns are used as this machine has them. */
const MAGIC = new Uint32Array([0x61746c73, 2])
const ALIGNED = 8
const LENGTH_DIGITS = 16
const DIGEST_DIGITS = 64
const TAIL = LENGTH_DIGITS + DIGEST_DIGITS
const CHUNK_BYTES = 1024 * 1024

const magic = Buffer.from(MAGIC.buffer)

type Place = readonly [at: number, bytes: number]
type Places = Readonly<Record<string, Place>>

export class PartsWriter {
  readonly #fd: number
  readonly #pause: Pause
  readonly #digest: Hash = createHash('sha256')
  readonly #parts: Record<string, Place> = {}
  #at = 0
  #name = ''
  #from = 0

  /** @param file is made anew */
  constructor(file: string, pause: Pause) {
    this.#pause = pause
    this.#fd = openSync(file, 'w', 0o600)
    this.#put(magic)
  }

  /** What is written from here on is this part. */
  begin(name: string): void {
    this.#end()
    this.#put(Buffer.alloc((ALIGNED - (this.#at % ALIGNED)) % ALIGNED))
    this.#name = name
    this.#from = this.#at
  }

  readonly write = (bytes: Uint8Array): void => this.#put(bytes)

  column(name: string, numbers: Uint32Array): void {
    this.begin(name)
    for (let from = 0; from < numbers.byteLength; from += CHUNK_BYTES)
      this.#put(new Uint8Array(numbers.buffer, numbers.byteOffset + from, Math.min(CHUNK_BYTES, numbers.byteLength - from)))
  }

  /** All of it is on disk. `head` may hold whatever JSON holds. */
  finish(head: object): void {
    this.#end()
    const text = Buffer.from(JSON.stringify({ ...head, parts: this.#parts }))
    this.#put(text)
    this.#put(Buffer.from(String(text.length).padStart(LENGTH_DIGITS, '0')))
    this.#put(Buffer.from(this.#digest.digest('hex')), false)
    fdatasyncSync(this.#fd)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #end(): void {
    if (this.#name !== '') this.#parts[this.#name] = [this.#from, this.#at - this.#from]
    this.#name = ''
  }

  #put(bytes: Uint8Array, isDigested = true): void {
    this.#pause()
    if (isDigested) this.#digest.update(bytes)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    this.#at += bytes.length
  }
}

export class Parts<Head> {
  readonly head: Head
  readonly #bytes: Buffer
  readonly #parts: Places

  private constructor(bytes: Buffer, head: Head & { readonly parts: Places }) {
    this.head = head
    this.#bytes = bytes
    this.#parts = head.parts
  }

  /** Undefined where it is another kind of file. @throws Error where it is damaged */
  static read<Head>(file: string, pause: Pause): Parts<Head> | undefined {
    const bytes = readDigested(file, pause)
    if (bytes === undefined) return undefined
    const end = bytes.length - TAIL
    const length = Number.parseInt(bytes.toString('latin1', end, end + LENGTH_DIGITS), 10)
    return new Parts(bytes, JSON.parse(bytes.toString('utf8', end - length, end)))
  }

  part(name: string): Buffer {
    const [at, size] = this.#parts[name] as Place
    return this.#bytes.subarray(at, at + size)
  }

  column(name: string): Uint32Array {
    const { buffer, byteOffset, length } = this.part(name)
    return new Uint32Array(buffer, byteOffset, length / Uint32Array.BYTES_PER_ELEMENT)
  }
}

/** Digested while it is read: what has just been read is near. */
function readDigested(file: string, pause: Pause): Buffer | undefined {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    // Memory of its own: it begins at a multiple of eight.
    const bytes = Buffer.allocUnsafeSlow(size)
    const digested = size - DIGEST_DIGITS
    const digest = createHash('sha256')
    for (let at = 0; at < size; ) {
      pause()
      const read = readSync(fd, bytes, at, Math.min(CHUNK_BYTES, size - at), at)
      if (read === 0) throw new Error(`${file} became shorter`)
      if (at < digested) digest.update(bytes.subarray(at, Math.min(at + read, digested)))
      at += read
      if (at === read && (at < magic.length || bytes.compare(magic, 0, magic.length, 0, magic.length) !== 0)) return undefined
    }
    if (digested < magic.length || digest.digest('hex') !== bytes.toString('latin1', digested)) throw new Error(`${file} does not match its digest`)
    return bytes
  } finally {
    closeSync(fd)
  }
}
