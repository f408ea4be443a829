/**
 * What consumers say of bad answers: one line a receipt in `reports.jsonl`, on disk before it is answered. A second report of a
 * receipt changes nothing.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface BadAnswer {
  readonly receipt: string
  /** ISO 8601 */
  readonly at: string
  readonly owner: string
  readonly connection: string
  readonly api: string
  readonly operation: string
  readonly reason: string
}

export interface Filed {
  readonly report: BadAnswer
  /** It was there before; `report` is the first one. */
  readonly already: boolean
}

export class ReportBook {
  readonly #file: string
  #known: Map<string, BadAnswer> | undefined
  /** One after the other: the look and the writing belong together. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: string) {
    this.#file = file
  }

  /** Resolves when it is on disk. */
  file(report: BadAnswer): Promise<Filed> {
    const filed = this.#last.then(() => this.#write(report))
    this.#last = filed.catch(() => undefined)
    return filed
  }

  /** Oldest first. */
  async all(): Promise<readonly BadAnswer[]> {
    await this.#last
    return [...this.#read().values()]
  }

  async #write(report: BadAnswer): Promise<Filed> {
    const known = this.#read()
    const before = known.get(report.receipt)
    if (before !== undefined) return { report: before, already: true }
    const isNew = !existsSync(this.#file)
    if (isNew) mkdirSync(dirname(this.#file), { recursive: true })
    let handle: FileHandle | undefined
    try {
      handle = await open(this.#file, 'a', 0o600)
      await handle.appendFile(`${JSON.stringify(report)}\n`)
      await handle.datasync()
      if (isNew) syncFolder(dirname(this.#file))
    } catch (error) {
      // Nobody knows how much of it is there: what is whole is read again.
      this.#known = undefined
      throw error
    } finally {
      await handle?.close()
    }
    known.set(report.receipt, report)
    return { report, already: false }
  }

  /** The beginning of a line that never came to its end is cut off. */
  #read(): Map<string, BadAnswer> {
    if (this.#known !== undefined) return this.#known
    const known = new Map<string, BadAnswer>()
    const bytes = existsSync(this.#file) ? readFileSync(this.#file) : Buffer.alloc(0)
    const whole = bytes.lastIndexOf('\n') + 1
    if (whole < bytes.length) truncateSync(this.#file, whole)
    for (const line of bytes.subarray(0, whole).toString('utf8').split('\n')) {
      if (line === '') continue
      const report = JSON.parse(line) as BadAnswer
      if (!known.has(report.receipt)) known.set(report.receipt, report)
    }
    this.#known = known
    return known
  }
}

function syncFolder(folder: string): void {
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
