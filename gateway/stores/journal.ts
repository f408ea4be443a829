/**
 * The journal: one append-only file, the truth of an embedded gateway.
 *
 * Records are JSON lines. All records that wait when the disk is free are written as one group, closed by a line
 * `=<sequence> <records> <sha256>` whose hash covers the group and the hash before it, and made durable by one fdatasync.
 * A group without its closing line was never acknowledged and is cut off at the next start.
 */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, fdatasync, fsyncSync, ftruncateSync, openSync, readSync, write } from 'node:fs'
import { dirname } from 'node:path'

export type Done = (error?: Error) => void

export interface Group {
  readonly sequence: number
  readonly hash: string
  readonly lines: readonly string[]
}

/** Larger groups gain nothing and only add to the slowest answer (measured: 64 to 256 is the knee). */
const GROUP_RECORDS = 512
const READ_BYTES = 4 * 1024 * 1024
const GENESIS = '0'.repeat(64)

const hashOf = (before: string, lines: string): string => createHash('sha256').update(before).update(lines).digest('hex')

export class Journal {
  #fd: number
  #position: number
  #sequence: number
  #hash: string
  #lines: string[] = []
  /** Beside each line, who waits for it. */
  #waiting: (Done | undefined)[] = []
  #busy = false
  #failed: Error | undefined
  #idle: (() => void)[] = []
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
  static open(file: string, replay: (group: Group) => void, onGroup: (group: Group) => void): { journal: Journal; cutBytes: number } {
    const isNew = !existsSync(file)
    const fd = openSync(file, isNew ? 'wx+' : 'r+', 0o600)
    try {
      const tail = readGroups(fd, file, replay)
      if (tail.cutBytes > 0) ftruncateSync(fd, tail.position)
      if (tail.cutBytes > 0 || isNew) fsyncSync(fd)
      if (isNew) syncFolder(dirname(file))
      return { journal: new Journal(fd, tail, onGroup), cutBytes: tail.cutBytes }
    } catch (error) {
      closeSync(fd)
      throw error
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

  /** Resolves when everything appended before is durable. */
  flushed(): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    if (!this.#busy) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async close(): Promise<void> {
    if (this.#failed === undefined) await this.flushed()
    closeSync(this.#fd)
    this.#failed ??= new Error('the journal is closed')
  }

  readonly #drain = (): void => {
    const all = this.#lines.length <= GROUP_RECORDS
    const lines = all ? this.#lines : this.#lines.slice(0, GROUP_RECORDS)
    this.#lines = all ? [] : this.#lines.slice(GROUP_RECORDS)
    const waiting = all ? this.#waiting : this.#waiting.slice(0, GROUP_RECORDS)
    this.#waiting = all ? [] : this.#waiting.slice(GROUP_RECORDS)
    const text = `${lines.join('\n')}\n`
    const hash = hashOf(this.#hash, text)
    const sequence = this.#sequence + 1
    const bytes = Buffer.from(`${text}=${sequence} ${lines.length} ${hash}\n`)
    this.#write(bytes, 0, (error) => {
      if (error !== null) return this.#poison(error, waiting)
      this.#position += bytes.length
      this.#sequence = sequence
      this.#hash = hash
      for (const done of waiting) done?.()
      this.#onGroup({ sequence, hash, lines })
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
    for (const resolve of idle) resolve()
  }

  /** After a failed write or fsync the kernel may have dropped the page: nothing is retried, nothing more is promised. */
  #poison(error: Error, waiting: readonly (Done | undefined)[]): void {
    this.#failed = new Error('the journal cannot be written', { cause: error })
    const all = [...waiting, ...this.#waiting]
    this.#waiting = []
    this.#lines = []
    this.#busy = false
    for (const done of all) done?.(this.#failed)
    for (const resolve of this.#idle) resolve()
    this.#idle = []
  }
}

export class JournalError extends Error {
  override name = 'JournalError'
}

interface Tail {
  readonly position: number
  readonly sequence: number
  readonly hash: string
  readonly cutBytes: number
}

function readGroups(fd: number, file: string, replay: (group: Group) => void): Tail {
  let position = 0
  let sequence = 0
  let hash = GENESIS
  let bad: string | undefined
  let lines: string[] = []
  let bytes = 0
  const total = eachLine(fd, (line, size) => {
    bytes += size
    if (!line.startsWith('=')) {
      lines.push(line)
      return
    }
    if (bad !== undefined) throw new JournalError(`${file}: ${bad}, and groups follow it: the file was altered or the disk lost data; restore it from a backup`)
    const text = lines.length === 0 ? '' : `${lines.join('\n')}\n`
    const expected = `=${sequence + 1} ${lines.length} ${hashOf(hash, text)}`
    if (line !== expected) {
      bad = `group ${sequence + 1} at byte ${position} does not match its hash`
      return
    }
    sequence += 1
    hash = line.slice(line.lastIndexOf(' ') + 1)
    position += bytes
    bytes = 0
    replay({ sequence, hash, lines })
    lines = []
  })
  return { position, sequence, hash, cutBytes: total - position }
}

/** Calls back for every complete line; returns the file's size. */
function eachLine(fd: number, visit: (line: string, bytes: number) => void): number {
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  let rest: Buffer = Buffer.alloc(0)
  let total = 0
  for (;;) {
    const read = readSync(fd, buffer, 0, READ_BYTES, total)
    if (read === 0) return total
    total += read
    const chunk = Buffer.concat([rest, buffer.subarray(0, read)])
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      visit(chunk.toString('utf8', from, end), end + 1 - from)
      from = end + 1
    }
    rest = chunk.subarray(from)
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
