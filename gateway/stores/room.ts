/**
 * Room for the journal to write into: the open segment, filled with zeros ahead of the writer so that a sync has no
 * new size to write, and the next one, which is filled at the pace at which the open one is used up: so only the first
 * segment of a start grows while records are written to it, and each record that is synced meanwhile has to wait for its
 * size. A full disk shows here, before any record is at stake, and ends by itself.
 */
import { closeSync, constants, fdatasync, fstatSync, fsync, openSync, rename, rmSync, write } from 'node:fs'
import { join } from 'node:path'
import { NEXT, type Segment, segmentFile } from './segments.ts'

const STEP_BYTES = 1024 * 1024
/**
 * With it a write returns when it is on disk, as after fdatasync (open(2), "Synchronized I/O"): one way through the thread pool
 * for each group instead of two. Elsewhere it is not there, or leaves out the drive's own cache (macOS).
 */
const SYNCS_ITSELF = process.platform === 'linux' ? constants.O_DSYNC : 0
const RETRY_MS = 250
/** A group of this size pays for the file's new size by itself (measured): zeros before it would only be written twice. */
const LARGE_BYTES = 32 * 1024
/** Below this, on a full disk, nothing new is taken: what is under way has to fit. */
const SPARE_BYTES = 256 * 1024

export interface RoomOptions {
  readonly folder: string
  readonly segmentBytes: number
  readonly segment: Segment
  /** Where the data of the open segment ends. */
  readonly position: number
  /** The segment before is complete; the name of this one is durable. */
  readonly onNext: (segment: Segment) => void
  readonly onFailed: (error: Error) => void
}

export class Room {
  /** Everything before it is written. */
  position: number
  #segment: Segment
  #fd: number
  /** The same file for zeros: where writes sync themselves each piece of them would go to the disk alone, and they are synced once, together. */
  #zerosFd: number
  /** Zeros or records are on disk up to here. */
  #ready: number
  /** Zeros of the next segment, on disk; 0 before it is made. */
  #next = 0
  #work: Promise<void> | undefined
  #full = false
  #failed: Error | undefined
  #isLast = false
  #wake: (() => void) | undefined
  readonly #step: number
  readonly #options: RoomOptions

  constructor(options: RoomOptions) {
    this.#options = options
    this.#segment = options.segment
    this.position = options.position
    this.#step = Math.min(STEP_BYTES, options.segmentBytes)
    this.#fd = openSync(options.segment.file, constants.O_RDWR | constants.O_CREAT | SYNCS_ITSELF, 0o600)
    this.#zerosFd = openSync(options.segment.file, constants.O_WRONLY)
    this.#ready = fstatSync(this.#fd).size
  }

  get fd(): number {
    return this.#fd
  }

  /** What was written is on disk; otherwise it has to be synced. */
  get syncsItself(): boolean {
    return SYNCS_ITSELF !== 0
  }

  get segment(): Segment {
    return this.#segment
  }

  /** The disk is full, and what was made ready before is nearly used up. */
  get isShort(): boolean {
    return this.#full && this.#ready - this.position < Math.min(SPARE_BYTES, this.#step / 4)
  }

  has(bytes: number): boolean {
    const end = this.position + bytes
    if (end > this.#options.segmentBytes && this.position > 0) return false
    return end <= this.#ready || (bytes >= LARGE_BYTES && this.#work === undefined && !this.#full)
  }

  /** A group stands there, durable. Makes the next step ready while there is still room. */
  wrote(bytes: number): void {
    this.position += bytes
    if (this.#ready < this.position) this.#ready = this.position
    if (bytes < LARGE_BYTES) this.ahead()
  }

  /** True where a write failed only because the disk is full: it may be made again when there is room. */
  isFor(error: Error, bytes: number): boolean {
    if (!isFull(error) || this.position + bytes <= this.#ready) return false
    this.#full = true
    return true
  }

  /** Resolves when there is room for so many bytes, of which the first group is `sequence`. @throws Error when there never will be */
  async make(bytes: number, sequence: number): Promise<void> {
    while (!this.has(bytes)) {
      if (this.#failed !== undefined) throw this.#failed
      if (this.#full && this.#isLast) throw new Error('the disk is full')
      await (this.#work ?? this.#start(() => this.#more(bytes, sequence)))
    }
  }

  ahead(): void {
    if (this.#work !== undefined || this.#isLast) return
    const { segmentBytes } = this.#options
    const near = this.#step / 2
    if (this.#ready < segmentBytes && this.#ready - this.position < this.#step) void this.#start(() => this.#fill(this.#step))
    else if (this.position >= near && this.#next < Math.min(segmentBytes, this.position + near)) void this.#start(() => this.#fillNext())
  }

  /** What waits now is the last: a full disk is not waited for any more. */
  last(): void {
    this.#isLast = true
    this.#wake?.()
  }

  /** The writer has ended. */
  async close(): Promise<void> {
    this.last()
    await this.#work
    this.#closeFiles()
    rmSync(this.#nextFile, { force: true })
  }

  #closeFiles(): void {
    closeSync(this.#fd)
    closeSync(this.#zerosFd)
  }

  get #nextFile(): string {
    return join(this.#options.folder, NEXT)
  }

  /** One piece of work at a time; it never rejects. A full disk is tried again after a while, also when nobody waits for it. */
  #start(work: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      try {
        await work()
        this.#full = false
      } catch (error) {
        this.#full = isFull(error)
        if (this.#full) await this.#pause()
        else this.#failed = error instanceof Error ? error : new Error(String(error))
      }
      this.#work = undefined
      if (this.#failed !== undefined) this.#options.onFailed(this.#failed)
      else this.ahead()
    }
    this.#work = run()
    return this.#work
  }

  #pause(): Promise<void> {
    if (this.#isLast) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #more(bytes: number, sequence: number): Promise<void> {
    const isOver = this.position > 0 && this.position + bytes > this.#options.segmentBytes
    return isOver ? this.#roll(sequence) : this.#fill(Math.max(this.#step, this.position + bytes - this.#ready))
  }

  async #fill(bytes: number): Promise<void> {
    this.#ready += await zeros(this.#zerosFd, this.#ready, bytes)
  }

  async #fillNext(): Promise<void> {
    const anew = this.#next === 0 ? constants.O_CREAT | constants.O_TRUNC : 0
    const fd = openSync(this.#nextFile, constants.O_WRONLY | anew, 0o600)
    try {
      this.#next += await zeros(fd, this.#next, Math.min(this.#step, this.#options.segmentBytes - this.#next))
    } finally {
      closeSync(fd)
    }
  }

  /** Whole groups stand before, and all are durable: only then does the name of the next one exist. */
  async #roll(sequence: number): Promise<void> {
    if (this.#next === 0) await this.#fillNext()
    const segment = { first: sequence, file: segmentFile(this.#options.folder, sequence) }
    await call((done) => rename(this.#nextFile, segment.file, done))
    const ready = this.#next
    this.#next = 0
    const folder = openSync(this.#options.folder, 'r')
    try {
      await call((done) => fsync(folder, done))
    } finally {
      closeSync(folder)
    }
    this.#closeFiles()
    this.#fd = openSync(segment.file, constants.O_RDWR | SYNCS_ITSELF)
    this.#zerosFd = openSync(segment.file, constants.O_WRONLY)
    this.#segment = segment
    this.position = 0
    this.#ready = ready
    this.#options.onNext(segment)
  }
}

/** Nothing was promised of this room: it may be tried again. */
const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(error.code))

const call = (work: (done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => work((error) => (error === null ? resolve() : reject(error))))

/**
 * A page cache keeps what one call wrote as one piece and writes it again as one (ext4 since Linux 6.16: 1 MB for each group of
 * 5 KB, where zeros came 1 MB at a time). So they come in small pieces.
 */
const ZEROS = Buffer.alloc(16 * 1024)

/** How many were written: fewer on a disk that is nearly full. @throws Error where none could be, or they may not be on disk */
async function zeros(fd: number, from: number, bytes: number): Promise<number> {
  let done = 0
  while (done < bytes) {
    const length = Math.min(ZEROS.length, bytes - done)
    try {
      done += await new Promise<number>((resolve, reject) =>
        write(fd, ZEROS, 0, length, from + done, (error, written) => (error === null ? resolve(written) : reject(error))),
      )
    } catch (error) {
      if (done === 0 || !isFull(error)) throw error
      break
    }
  }
  await call((synced) => fdatasync(fd, synced))
  return done
}
