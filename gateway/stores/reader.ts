/** The journal, read while it is written: charges by their receipt, groups in order, the proof of the chain. */
import { open, stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import type { CallAsk, CallPage, ChargedCall, EpochMs, PlacedLine, ReadChain, Usd } from '#contract'
import { FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'
import type { Link } from './groups.ts'
import type { FoundCharge, Question, ReaderAsk, ReaderTold } from './reader-thread.ts'
import { type Place, segmentsIn } from './segments.ts'

export type { FoundCharge } from './reader-thread.ts'

export interface ChainCheck {
  readonly ok: boolean
  readonly detail: string
}

export interface WrittenGroup extends Link {
  /** One record each, as it was written. */
  readonly lines: readonly string[]
}

export interface ReaderOptions {
  readonly folder: string
  readonly archive: string | undefined
  /** How far the journal is durable. */
  readonly end: () => Place
}

interface Asked {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class JournalReader {
  readonly #options: ReaderOptions
  readonly #asked = new Map<number, Asked>()
  #worker: Worker | undefined
  #asks = 0
  #isClosed = false

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  /** What is durable when this is called counts. Undefined where no charge has this id, or its settlement did not take effect. */
  async charged(receipt: string): Promise<FoundCharge | undefined> {
    return (await this.#ask({ kind: 'charged', receipt })) as FoundCharge | undefined
  }

  /** The same in the words of the books. */
  async chargedCall(receipt: string): Promise<ChargedCall | undefined> {
    const found = await this.charged(receipt)
    return found === undefined ? undefined : callOf(found)
  }

  /** Makes every hash again. */
  async verifyChain(): Promise<ChainCheck> {
    const { ok, detail } = await this.audited(0)
    return { ok, detail }
  }

  /** The same, with the audit lines up to this group summed up by segment. */
  async audited(upTo: number): Promise<ReadChain> {
    return (await this.#ask({ kind: 'chain', upTo })) as ReadChain
  }

  /** Those of a part of one segment as they stand there, proven or not. */
  async auditLines(from: number, to: number): Promise<readonly PlacedLine[]> {
    return (await this.#ask({ kind: 'audit', from, to })) as readonly PlacedLine[]
  }

  /** A piece of the calls that are recorded: those of one segment. */
  async calls(ask: CallAsk): Promise<CallPage> {
    return (await this.#ask({ kind: 'calls', of: ask })) as CallPage
  }

  /** Every durable group from this sequence on, oldest first; of archived ones those in the archive's folder. Hashes are not checked here. */
  async *groups(from = 1): AsyncIterable<WrittenGroup> {
    const end = this.#options.end()
    const segments = segmentsIn(this.#options.folder, this.#options.archive).filter(({ first }) => first <= end.segment)
    for (const [index, { first, file }] of segments.entries()) {
      const next = segments[index + 1]
      if (next !== undefined && next.first <= from) continue
      yield* groupsIn(file, first === end.segment ? end.offset : (await stat(file)).size, from)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker?.terminate()
    this.#fail(new Error('the journal is closed'))
  }

  #ask(question: Question): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error('the journal is closed'))
    this.#asks += 1
    const id = this.#asks
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      const thread = this.#thread()
      thread.ref()
      thread.postMessage({ ...question, id, end: this.#options.end() } satisfies ReaderAsk)
    })
  }

  /** Started when first needed. */
  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const { folder, archive } = this.#options
    // Loaders and inspectors of the command line are for the main thread.
    const worker = new Worker(new URL('./reader-thread.js', import.meta.url), { workerData: { folder, archive }, execArgv: [] })
    worker.on('message', (told: ReaderTold) => {
      const asked = this.#asked.get(told.id)
      this.#asked.delete(told.id)
      if (this.#asked.size === 0) worker.unref()
      if ('failed' in told) asked?.reject(new Error(`the journal cannot be read: ${told.failed}`))
      else asked?.resolve(told.answer)
    })
    worker.on('error', (error) => this.#lost(error))
    worker.on('exit', () => this.#lost(new Error('the thread that reads the journal has ended')))
    this.#worker = worker
    return worker
  }

  /** The next question starts another thread. */
  #lost(error: Error): void {
    this.#worker = undefined
    this.#fail(error)
  }

  #fail(error: Error): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { reject } of asked) reject(error)
  }
}

const CHUNK_BYTES = 1024 * 1024
const CLOSING = /^=(\d{1,16}) \d+ ([0-9a-f]{64})$/

/** In pieces, so that nobody waits for the whole. */
async function* groupsIn(file: string, end: number, from: number): AsyncIterable<WrittenGroup> {
  const handle = await open(file, 'r')
  try {
    let lines: string[] = []
    for (let position = 0, size = CHUNK_BYTES; position < end; ) {
      const bytes = Buffer.allocUnsafe(Math.min(size, end - position))
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, position)
      const chunk = bytes.subarray(0, bytesRead)
      let at = 0
      for (let length = frameAt(chunk, at); length > 0; length = frameAt(chunk, at)) {
        const line = chunk.toString('utf8', at + HEAD_BYTES, at + HEAD_BYTES + length)
        at += length + FRAME_BYTES
        const closing = line.startsWith('=') ? CLOSING.exec(line) : null
        if (closing === null) lines.push(line)
        else {
          const sequence = Number.parseInt(closing[1] as string, 10)
          if (sequence >= from) yield { sequence, hash: closing[2] as string, lines }
          lines = []
        }
      }
      // Nothing whole: a longer record, or the end.
      if (at === 0 && size >= end - position) return
      size = at === 0 ? size * 4 : CHUNK_BYTES
      position += at
    }
  } finally {
    await handle.close()
  }
}

/** What a receipt attests. An x402 charge is made when its settlement took effect; what it was for stands in its intent. */
function callOf({ record, chain, settled }: FoundCharge): ChargedCall {
  const { sequence, hash, line } = chain
  return {
    receipt: record.id,
    atMs: (settled?.record.at ?? record.at) as EpochMs,
    ...{ api: record.api, operation: record.operation, connection: record.connection, owner: record.owner, by: record.by, units: record.units },
    price: BigInt(record.price) as Usd,
    platformShare: BigInt(record.platform) as Usd,
    ...record.subject,
    config: record.call.config,
    generation: record.call.generation,
    transaction: settled?.record.transaction,
    chain: { sequence, hash, line },
  }
}
