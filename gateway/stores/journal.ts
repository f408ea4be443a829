/**
 * The journal: one append-only file, the truth of an embedded gateway.
 *
 * Records are JSON lines. All records that wait when the disk is free are written as one group, closed by a line
 * `=<sequence> <records> <sha256>` whose hash covers the group and the hash before it, and made durable by one fdatasync.
 * A group without its closing line was never acknowledged and is cut off at the next start.
 */
import { closeSync, constants, fdatasync, fsyncSync, ftruncateSync, openSync, write } from 'node:fs'
import { dirname } from 'node:path'
import { hashOf, JournalError, type ReplayedGroup, readGroups, type Tail } from './groups.ts'

export type Done = (error?: Error) => void

export interface Group {
  readonly sequence: number
  readonly hash: string
  /** The records as they stand on disk, each with its line feed; memory of its own, so that it may be handed to another thread. */
  readonly bytes: Buffer
}

/** Larger groups gain nothing and only add to the slowest answer (measured: 64 to 256 is the knee). */
const GROUP_RECORDS = 512

/** `=<sequence> <records> <hash>` and a line feed fit. */
const CLOSING_BYTES = 128

export class Journal {
  #fd: number
  #position: number
  #sequence: number
  #hash: string
  #lines: string[] = []
  /** Beside each line, who waits for it. */
  #waiting: (Done | undefined)[] = []
  #busy = false
  #closed = false
  #failed: Error | undefined
  #idle: { ok: () => void; no: (error: Error) => void }[] = []
  readonly #onGroup: (group: Group) => void

  private constructor(fd: number, tail: Tail, onGroup: (group: Group) => void) {
    this.#fd = fd
    this.#position = tail.position
    this.#sequence = tail.sequence
    this.#hash = tail.hash
    this.#onGroup = onGroup
  }

  /**
   * Opens or creates the file, hands every group to `replay`, cuts an unfinished one off.
   * `onGroup` later gets each group that became durable. @throws JournalError when a group within the file does not match its hash
   */
  static open(file: string, replay: (group: ReplayedGroup) => void, onGroup: (group: Group) => void): { journal: Journal; cutBytes: number } {
    let fd: number | undefined
    try {
      fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600)
      const tail = readGroups(fd, file, replay)
      if (tail.cutBytes > 0) ftruncateSync(fd, tail.position)
      // An empty file may be new, or left by a process that died before it got this far: its name may not be on disk yet.
      const isNew = tail.position === 0
      if (tail.cutBytes > 0 || isNew) fsyncSync(fd)
      if (isNew) syncFolder(dirname(file))
      return { journal: new Journal(fd, tail, onGroup), cutBytes: tail.cutBytes }
    } catch (error) {
      if (fd !== undefined) closeSync(fd)
      if (!(error instanceof Error && 'syscall' in error)) throw error
      const code = 'code' in error ? error.code : error.message
      throw new JournalError(`the journal ${file} cannot be used (${code}); choose another store.path or correct its permissions`, { cause: error })
    }
  }

  get failed(): Error | undefined {
    return this.#failed
  }

  get sequence(): number {
    return this.#sequence
  }

  /** Adds a record to the next group. `done` is called once it is durable, or with the error after which nothing is written any more. */
  append(line: string, done?: Done): void {
    if (this.#failed !== undefined) {
      done?.(this.#failed)
      return
    }
    this.#lines.push(line)
    this.#waiting.push(done)
    if (this.#busy) return
    this.#busy = true
    setImmediate(this.#drain)
  }

  durable(line: string): Promise<void> {
    return new Promise((resolve, reject) => this.append(line, (error) => (error === undefined ? resolve() : reject(error))))
  }

  /** Resolves when everything appended before is durable; rejects when that will never be. */
  flushed(): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    if (!this.#busy) return Promise.resolve()
    return new Promise((ok, no) => this.#idle.push({ ok, no }))
  }

  /** Everything appended before is written first; nothing is taken afterwards. A second call does nothing. */
  async close(): Promise<void> {
    while (this.#busy) await this.flushed().catch(() => undefined)
    if (this.#closed) return
    this.#closed = true
    // No pause between: whatever is appended from here on must not reach a descriptor that is another file's by then.
    this.#failed ??= new Error('the journal is closed')
    closeSync(this.#fd)
  }

  readonly #drain = (): void => {
    const all = this.#lines.length <= GROUP_RECORDS
    const lines = all ? this.#lines : this.#lines.slice(0, GROUP_RECORDS)
    this.#lines = all ? [] : this.#lines.slice(GROUP_RECORDS)
    const waiting = all ? this.#waiting : this.#waiting.slice(0, GROUP_RECORDS)
    this.#waiting = all ? [] : this.#waiting.slice(GROUP_RECORDS)
    const { bytes, size } = encoded(lines)
    const hash = hashOf(this.#hash, bytes.subarray(0, size))
    const sequence = this.#sequence + 1
    const end = size + bytes.write(`=${sequence} ${lines.length} ${hash}\n`, size, 'latin1')
    this.#write(bytes.subarray(0, end), 0, (error) => {
      if (error !== null) return this.#poison(error, waiting)
      this.#position += end
      this.#sequence = sequence
      this.#hash = hash
      for (const done of waiting) done?.()
      this.#onGroup({ sequence, hash, bytes: bytes.subarray(0, size) })
      this.#next()
    })
  }

  #write(bytes: Buffer, from: number, done: (error: Error | null) => void): void {
    write(this.#fd, bytes, from, bytes.length - from, this.#position + from, (error, written) => {
      if (error !== null) return done(error)
      if (from + written < bytes.length) return this.#write(bytes, from + written, done)
      fdatasync(this.#fd, done)
    })
  }

  #next(): void {
    if (this.#lines.length > 0) {
      setImmediate(this.#drain)
      return
    }
    this.#busy = false
    const idle = this.#idle
    this.#idle = []
    for (const { ok } of idle) ok()
  }

  /** After a failed write or fsync the kernel may have dropped the page: nothing is retried, nothing more is promised. */
  #poison(error: Error, waiting: readonly (Done | undefined)[]): void {
    this.#failed = new Error('the journal cannot be written', { cause: error })
    const all = [...waiting, ...this.#waiting]
    const idle = this.#idle
    this.#waiting = []
    this.#lines = []
    this.#idle = []
    this.#busy = false
    for (const done of all) done?.(this.#failed)
    for (const { no } of idle) no(this.#failed)
  }
}

/** Line by line into memory of their own: no joined text is made only to be copied. */
function encoded(lines: readonly string[]): { bytes: Buffer; size: number } {
  let length = CLOSING_BYTES
  for (const line of lines) length += Buffer.byteLength(line) + 1
  const bytes = Buffer.allocUnsafeSlow(length)
  let size = 0
  for (const line of lines) {
    size += bytes.write(line, size, 'utf8')
    bytes[size] = 10
    size += 1
  }
  return { bytes, size }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
