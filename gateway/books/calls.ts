/**
 * The log of calls that were not charged: refused, passed, replayed, abandoned. One JSON line a call, buffered, not fsynced:
 * nobody's money hangs on it. Charged calls stand in the journal, each with the same record inside.
 */
import { appendFile, renameSync, statSync } from 'node:fs'
import type { CallRecord, Log } from '#contract'

const WRITE_EVERY_MS = 250
const FILE_BYTES = 64 * 1024 * 1024
/** Beyond this many waiting bytes records are dropped: a flood of refusals must not become memory. */
const WAITING_BYTES = 8 * 1024 * 1024

/** A file has one writer. */
export const callsFile = (worker: number | undefined): string => (worker === undefined ? 'calls.jsonl' : `calls-${worker}.jsonl`)

export class CallLog {
  readonly #file: string
  readonly #log: Log
  #lines: string[] = []
  #bytes = 0
  #size: number
  #writing: Promise<void> | undefined
  #dropped = 0
  readonly #timer: NodeJS.Timeout

  constructor(file: string, log: Log) {
    this.#file = file
    this.#log = log
    this.#size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
    this.#timer = setInterval(() => this.#write(), WRITE_EVERY_MS)
    this.#timer.unref()
  }

  write(record: CallRecord): void {
    if (this.#bytes > WAITING_BYTES) {
      this.#dropped += 1
      return
    }
    const line = JSON.stringify(record)
    this.#lines.push(line)
    this.#bytes += line.length + 1
  }

  /** Resolves when everything is handed to the disk. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
    this.#write()
    await this.#writing
  }

  #write(): void {
    if (this.#writing !== undefined || this.#lines.length === 0) return
    if (this.#dropped > 0) this.#log.warn({ dropped: this.#dropped }, 'records of uncharged calls were dropped: the disk is slower than they come')
    this.#dropped = 0
    const text = `${this.#lines.join('\n')}\n`
    this.#lines = []
    this.#bytes = 0
    this.#rotate(text.length)
    this.#writing = new Promise((written) =>
      appendFile(this.#file, text, { mode: 0o600 }, (error) => {
        this.#writing = undefined
        if (error !== null) this.#log.warn({ error: error.message }, 'records of uncharged calls could not be written')
        written()
      }),
    )
  }

  /** One older file is kept. */
  #rotate(coming: number): void {
    this.#size += coming
    if (this.#size <= FILE_BYTES) return
    this.#size = coming
    try {
      renameSync(this.#file, `${this.#file}.1`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#log.warn({ error: String(error) }, 'the log of calls could not be rotated')
    }
  }
}
