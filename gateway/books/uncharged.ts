/** The log of uncharged calls read again, as lines of recorded calls. */
import { createReadStream, fstatSync } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallRecord, fixedText, LineBytes, type UnchargedLine, wastedOf, wastedText } from '#contract'
import { UnchargedScan } from './uncharged-scan.ts'

const FILES = /^(calls(?:-\d+)?\.jsonl)(?:\.1)?$/
const VERSION = 2
const LINE_FEED = 10

export interface ReadUncharged {
  /** Pieces of whole lines in UTF-8. Of one writer after the other; oldest file first, as they were written. */
  readonly lines: AsyncIterable<Uint8Array>
  /** Lines that are no record of this version: cut off by a crash, or written by another one. Final when `lines` has ended. */
  damaged(): number
}

/** `folder` is that of the store. A log that is not there has no lines. */
export function readUncharged({ folder, sinceMs = 0 }: { readonly folder: string; readonly sinceMs?: number }): ReadUncharged {
  const lines = new UnchargedLines(sinceMs)
  async function* read(): AsyncGenerator<Uint8Array> {
    const files = await openAll(folder)
    try {
      for (const { fd } of files) {
        let rest: Buffer = Buffer.alloc(0)
        for await (const piece of createReadStream('', { fd, autoClose: false, start: 0 })) {
          const bytes = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer])
          const end = bytes.lastIndexOf(LINE_FEED) + 1
          lines.take(bytes.subarray(0, end))
          rest = bytes.subarray(end)
          if (!lines.isEmpty) yield lines.page()
        }
        lines.take(rest)
        if (!lines.isEmpty) yield lines.page()
      }
    } finally {
      for (const file of files) await file.close()
    }
  }
  return { lines: read(), damaged: () => lines.damaged }
}

const UNCHARGED = fixedText('["u"')
const NO_CODE = fixedText(',""')
const NOTHING_WASTED = fixedText(',[]]\n')

class UnchargedLines {
  damaged = 0
  readonly #sinceMs: number
  readonly #scan = new UnchargedScan()
  readonly #lines = new LineBytes()

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs
  }

  get isEmpty(): boolean {
    return this.#lines.end === 0
  }

  /** Lines of the log; the last one may have no line feed. */
  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const feed = bytes.indexOf(LINE_FEED, at)
      const end = feed === -1 ? bytes.length : feed
      if (!this.#scan.read(bytes, at, end)) this.#parsed(bytes.toString('utf8', at, end))
      else if (this.#scan.atMs >= this.#sinceMs) this.#scanned(bytes, end - at)
      at = end + 1
    }
  }

  /** What was taken since it was last asked for. */
  page(): Uint8Array {
    return this.#lines.take()
  }

  #scanned(bytes: Buffer, length: number): void {
    const { view, known, entry, at, attempts } = this.#scan
    const lines = this.#lines
    lines.room(length * 2)
    lines.putAll(UNCHARGED)
    lines.member(view, at.from, at.to)
    if (entry === -1) this.#spelled()
    else lines.put(known.view, known.tailFrom(entry), known.tailTo(entry))
    if (attempts.to === 0) lines.putAll(NOTHING_WASTED)
    else lines.text(wastedText(bytes, attempts))
  }

  /** Texts with their quotes. */
  #spelled(): void {
    const { view, api, operation, consumer, kind, code, requested } = this.#scan
    const lines = this.#lines
    const from = lines.end
    lines.member(view, api.from - 1, api.to + 1)
    lines.member(view, operation.from - 1, operation.to + 1)
    lines.member(view, consumer.from - 1, consumer.to + 1)
    lines.member(view, kind.from - 1, kind.to + 1)
    if (code.to === 0) lines.putAll(NO_CODE)
    else lines.member(view, code.from - 1, code.to + 1)
    lines.member(view, requested.from, requested.to)
    this.#scan.keep(lines.view, from, lines.end)
  }

  #parsed(text: string): void {
    const record = recordIn(text)
    if (record === undefined) this.damaged += 1
    else if (record.at >= this.#sinceMs) this.#lines.text(lineOf(record))
  }
}

const lineOf = ({ at, api, operation, consumer, kind, code, requested, attempts }: CallRecord): string =>
  `${JSON.stringify(['u', at, api, operation, consumer, kind, code ?? '', requested, wastedOf(attempts)] satisfies UnchargedLine)}\n`

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

function recordIn(line: string): CallRecord | undefined {
  try {
    const record: unknown = JSON.parse(line)
    return isRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

const isRecord = (record: unknown): record is CallRecord =>
  typeof record === 'object' && record !== null && 'v' in record && record.v === VERSION && 'at' in record && typeof record.at === 'number'
