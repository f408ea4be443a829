/**
 * The journal: append-only segments in one folder, the truth of an embedded gateway.
 *
 * Records are JSON lines, each framed by its length and CRC-32 (frames.ts). All records that wait when the disk is free are
 * written as one group, closed by `=<sequence> <records> <sha256>` whose hash covers the group and the hash before it, and
 * made durable by one synchronous write. A group without its closing was never acknowledged and is cut off at the next start.
 */
import { fdatasync, write } from 'node:fs'
import { closingOf, hashOf, type Link } from './groups.ts'
import { Encoder, FRAME_BYTES, groupSize, putFrame } from './frames.ts'
import { openFolder, type Replayed } from './opening.ts'
import { Room } from './room.ts'
import { type Place, SEGMENT_BYTES, type Segment } from './segments.ts'

/** `place` is where the record stands; zeros with an error. */
export type Done = (error: Error | undefined, segment: number, offset: number, length: number) => void

export interface Group extends Link {
  /** The records, each with its line feed; valid until whoever gets it returns. */
  readonly bytes: Buffer
}

export interface JournalOptions {
  readonly folder: string
  /** The chain before the first group that is read; default: from the beginning. */
  readonly from?: Link
  readonly segmentBytes?: number
  /** Gets every group after `from` at opening. */
  readonly replay: (group: Replayed) => void
  /** Gets each group that became durable afterwards. */
  readonly onGroup: (group: Group) => void
  /** A segment is complete, and the one that begins with this group is open. */
  readonly onSealed?: (next: number) => void
}

/** Waits for nothing: its record stands in the group of the one before, which does. */
const TOGETHER: Done = () => undefined

/** Beyond this the disk counts as gone, until it has answered. */
const SLOW_MS = 150

/** How long the disk has been at it is measured by the machine's own clock, whatever the gateway's clock says. */
const now = (): number => performance.now()

export class Journal {
  readonly #room: Room
  readonly #encoder = new Encoder()
  #sequence: number
  #hash: string
  #lines: string[] = []
  /** Beside each line, who waits for it. */
  #waiting: (Done | undefined)[] = []
  /** Of the group that is being written. */
  #writing: (Done | undefined)[] = []
  #busy = false
  #sinceMs: number | undefined
  #closed = false
  #failed: Error | undefined
  /** Why no room could be made; told when the group that is on its way has come back. */
  #lostBy: Error | undefined
  #idle: { ok: () => void; no: (error: Error) => void }[] = []
  readonly #onGroup: (group: Group) => void

  private constructor(room: (failed: (error: Error) => void) => Room, { sequence, hash }: Link, onGroup: (group: Group) => void) {
    this.#room = room((error) => this.#lost(error))
    this.#sequence = sequence
    this.#hash = hash
    this.#onGroup = onGroup
  }

  /** Opens or creates the folder, cuts an unfinished group off. @throws JournalError when what stands before the end does not match its hash */
  static open(options: JournalOptions): { journal: Journal; cutBytes: number } {
    const { folder, segmentBytes = SEGMENT_BYTES, onSealed, onGroup } = options
    return openFolder(options, ({ segment, position, cutBytes, sequence, hash }) => {
      const onNext = (next: Segment): void => onSealed?.(next.first)
      const room = (onFailed: (error: Error) => void): Room => new Room({ folder, segmentBytes, segment, position, onNext, onFailed })
      const journal = new Journal(room, { sequence, hash }, onGroup)
      journal.#room.ahead()
      return { journal, cutBytes }
    })
  }

  get failed(): Error | undefined {
    return this.#failed
  }

  get sequence(): number {
    return this.#sequence
  }

  /** The end of what is durable. */
  get end(): Place {
    return { segment: this.#room.segment.first, offset: this.#room.position, length: 0 }
  }

  /** The disk has not come back for so long that nothing new may be begun; ends by itself. */
  get isSlow(): boolean {
    return (this.#sinceMs !== undefined && now() - this.#sinceMs > SLOW_MS) || this.#room.isShort
  }

  /** Adds a record to the next group. `done` is called once it is durable, or with the error after which nothing is written any more. */
  append(line: string, done?: Done): void {
    if (this.#failed !== undefined) {
      done?.(this.#failed, 0, 0, 0)
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

  /** All of them in one group: on disk together, or not at all. */
  together([first, ...others]: readonly string[]): Promise<void> {
    if (first === undefined) return this.flushed()
    const written = this.durable(first)
    for (const line of others) this.append(line, TOGETHER)
    return written
  }

  /** Like `durable`, with the place at which the record can be read again. */
  placed(line: string): Promise<Place> {
    return new Promise((resolve, reject) =>
      this.append(line, (error, segment, offset, length) => (error === undefined ? resolve({ segment, offset, length }) : reject(error))),
    )
  }

  /** Resolves when everything appended before is durable; rejects when that will never be. */
  flushed(): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    if (!this.#busy) return Promise.resolve()
    return new Promise((ok, no) => this.#idle.push({ ok, no }))
  }

  /** Everything appended before is written first; nothing is taken afterwards. A second call does nothing. */
  async close(): Promise<void> {
    this.#room.last()
    while (this.#busy) await this.flushed().catch(() => undefined)
    if (this.#closed) return
    this.#closed = true
    // No pause between: whatever is appended from here on must not reach a descriptor that is another file's by then.
    this.#failed ??= new Error('the journal is closed')
    await this.#room.close()
  }

  readonly #drain = (): void => {
    if (this.#failed !== undefined) return
    let count = groupSize(this.#lines)
    while (this.#waiting[count] === TOGETHER) count += 1
    const all = count === this.#lines.length
    const lines = all ? this.#lines : this.#lines.slice(0, count)
    this.#lines = all ? [] : this.#lines.slice(count)
    this.#writing = all ? this.#waiting : this.#waiting.slice(0, count)
    this.#waiting = all ? [] : this.#waiting.slice(count)
    this.#sinceMs = now()
    const { text, frames, end } = this.#encoder.encode(lines)
    const hash = hashOf(this.#hash, text)
    const sequence = this.#sequence + 1
    const whole = putFrame(frames, end, closingOf(sequence, lines.length, hash))
    const group = { sequence, hash, bytes: text }
    const bytes = frames.subarray(0, whole)
    if (this.#room.has(whole)) this.#write(bytes, 0, group)
    else this.#writeLater(bytes, group)
  }

  #writeLater(bytes: Buffer, group: Group): void {
    this.#room.make(bytes.length, group.sequence).then(
      () => this.#write(bytes, 0, group),
      (error: Error) => this.#poison(error),
    )
  }

  #write(bytes: Buffer, from: number, group: Group): void {
    const { fd, position } = this.#room
    write(fd, bytes, from, bytes.length - from, position + from, (error, written) => {
      if (error !== null) return this.#room.isFor(error, bytes.length) ? this.#writeLater(bytes, group) : this.#poison(error)
      if (from + written < bytes.length) return this.#write(bytes, from + written, group)
      if (this.#room.syncsItself) return this.#done(bytes, group)
      fdatasync(fd, (failed) => (failed === null ? this.#done(bytes, group) : this.#poison(failed)))
    })
  }

  #done(bytes: Buffer, group: Group): void {
    if (this.#lostBy !== undefined) return this.#poison(this.#lostBy)
    const { segment, position } = this.#room
    this.#room.wrote(bytes.length)
    this.#sequence = group.sequence
    this.#hash = group.hash
    this.#sinceMs = undefined
    tell(this.#writing, segment.first, position, bytes)
    this.#onGroup(group)
    if (this.#lines.length > 0) {
      setImmediate(this.#drain)
      return
    }
    this.#busy = false
    const idle = this.#idle
    this.#idle = []
    for (const { ok } of idle) ok()
  }

  #lost(error: Error): void {
    if (this.#sinceMs === undefined) this.#poison(error)
    else this.#lostBy = error
  }

  /** After a failed write or fsync the kernel may have dropped the page: nothing is retried, nothing more is promised. */
  #poison(error: Error): void {
    if (this.#failed !== undefined) return
    this.#failed = new Error('the journal cannot be written', { cause: error })
    const all = [...this.#writing, ...this.#waiting]
    const idle = this.#idle
    this.#writing = []
    this.#waiting = []
    this.#lines = []
    this.#idle = []
    this.#busy = false
    this.#sinceMs = undefined
    for (const done of all) done?.(this.#failed, 0, 0, 0)
    for (const { no } of idle) no(this.#failed)
  }
}

/** Where each record stands is read off the frames as they were written. */
function tell(waiting: readonly (Done | undefined)[], segment: number, position: number, frames: Buffer): void {
  let at = 0
  for (const done of waiting) {
    const length = frames.readUInt32LE(at)
    done?.(undefined, segment, position + at, length)
    at += length + FRAME_BYTES
  }
}
