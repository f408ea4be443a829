/**
 * The log of calls that were not charged: refused, passed, replayed, abandoned. One JSON line a call, buffered, not fsynced:
 * nobody's money hangs on it. Charged calls stand in the journal, each with the same record inside.
 */
import { appendFile, createReadStream, fstatSync, renameSync, statSync } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { CallRecord, Log } from '#contract'

const WRITE_EVERY_MS = 250
const FILE_BYTES = 64 * 1024 * 1024
/** Beyond this many waiting bytes records are dropped: a flood of refusals must not become memory. */
const WAITING_BYTES = 8 * 1024 * 1024

/** A file has one writer. */
export const callsFile = (worker: number | undefined): string => (worker === undefined ? 'calls.jsonl' : `calls-${worker}.jsonl`)

const FILES = /^(calls(?:-\d+)?\.jsonl)(?:\.1)?$/

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

// ------------------------------------------------------------------ reading them again

export interface ReadCalls {
  /** Of one writer after the other; oldest file first, as they were written. */
  readonly records: AsyncIterable<CallRecord>
  /** Lines that are no record of this version: cut off by a crash, or written by another one. Final when `records` has ended. */
  damaged(): number
}

const VERSION = 2

/** `folder` is that of the store. A log that is not there has no records. */
export function readCalls({ folder, sinceMs = 0 }: { readonly folder: string; readonly sinceMs?: number }): ReadCalls {
  let damaged = 0
  async function* read(): AsyncGenerator<CallRecord> {
    const files = await openAll(folder)
    try {
      for (const file of files) {
        const lines = createInterface({ input: createReadStream('', { fd: file.fd, autoClose: false, start: 0 }), crlfDelay: Number.POSITIVE_INFINITY })
        for await (const line of lines) {
          const record = parse(line)
          if (record === undefined) damaged += 1
          else if (record.at >= sinceMs) yield record
        }
      }
    } finally {
      for (const file of files) await file.close()
    }
  }
  return { records: read(), damaged: () => damaged }
}

async function openAll(folder: string): Promise<FileHandle[]> {
  const found = await readdir(folder).catch(() => [])
  const names = new Set(found.flatMap((name) => FILES.exec(name)?.[1] ?? []))
  const files: FileHandle[] = []
  for (const name of [...names].sort()) files.push(...(await openBoth(join(folder, name))))
  return files
}

/** The newer one first: if it is put aside before the older is opened, both are the same file, and it is read once. */
async function openBoth(file: string): Promise<FileHandle[]> {
  const newer = await openIfThere(file)
  const older = await openIfThere(`${file}.1`)
  const same = newer !== undefined && older !== undefined && fstatSync(newer.fd).ino === fstatSync(older.fd).ino
  if (same) await older.close()
  return [same ? undefined : older, newer].filter((file) => file !== undefined)
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function parse(line: string): CallRecord | undefined {
  try {
    const record: unknown = JSON.parse(line)
    return isRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

const isRecord = (record: unknown): record is CallRecord =>
  typeof record === 'object' && record !== null && 'v' in record && record.v === VERSION && 'at' in record && typeof record.at === 'number'
