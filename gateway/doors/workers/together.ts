/**
 * A reload with workers, in two phases: every worker loads and builds it, and only when all of them could, all take it. One that is started meanwhile, or that
 * began with the text before, follows as soon as it serves.
 */
import type { Fellows } from '../reload/index.ts'
import type { ToWorker } from './messages.ts'

export interface Reached {
  readonly number: number
  /** Its start is over. */
  readonly serves: boolean
  /** It began with this, or has taken it. */
  text: string
}

export interface TogetherParts<W extends Reached> {
  workers(): readonly W[]
  send(worker: W, message: ToWorker): void
  /** Its complaints; undefined where it is gone, or does not answer. */
  prepare(worker: W, text: string): Promise<readonly string[] | undefined>
  /** What a worker begins with from now on. */
  began(text: string): void
  refused(worker: W, problems: readonly string[]): void
}

export class Together<W extends Reached> implements Fellows {
  readonly #parts: TogetherParts<W>
  /** What all of them have. */
  #text: string
  #prepared: { readonly text: string; readonly workers: readonly W[] } | undefined

  constructor(text: string, parts: TogetherParts<W>) {
    this.#parts = parts
    this.#text = text
  }

  async prepare(text: string): Promise<readonly string[]> {
    const workers = this.#parts.workers().filter(({ serves }) => serves)
    const answers = await Promise.all(workers.map((worker) => this.#parts.prepare(worker, text)))
    this.#prepared = { text, workers: workers.filter((_, at) => answers[at]?.length === 0) }
    // One that is gone begins with what the others have.
    return [...new Set(answers.flatMap((answer) => answer ?? []))]
  }

  take(): void {
    const { text, workers } = this.#prepared ?? { text: this.#text, workers: [] }
    this.#prepared = undefined
    this.#text = text
    this.#parts.began(text)
    for (const worker of workers) this.#takes(worker, text)
    for (const worker of this.#parts.workers()) if (worker.serves) void this.follow(worker)
  }

  drop(): void {
    for (const worker of this.#prepared?.workers ?? []) this.#parts.send(worker, { kind: 'drop' })
    this.#prepared = undefined
  }

  /** A worker serves: with what all have, or it is told what that is. */
  async follow(worker: W): Promise<void> {
    const text = this.#text
    if (worker.text === text) return
    const problems = await this.#parts.prepare(worker, text)
    if (problems === undefined || worker.text === text) return
    if (problems.length > 0) return this.#parts.refused(worker, problems)
    if (text === this.#text) this.#takes(worker, text)
    else {
      this.#parts.send(worker, { kind: 'drop' })
      await this.follow(worker)
    }
  }

  #takes(worker: W, text: string): void {
    worker.text = text
    this.#parts.send(worker, { kind: 'take' })
  }
}
