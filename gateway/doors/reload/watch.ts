/**
 * Says when a file has changed. The folder is watched, since editors put a new file in the place of the old one; what the watch misses (other file systems, links
 * to files elsewhere) a look at the file finds. What is still being written is waited for.
 */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'

export interface WatchOptions {
  readonly file: string
  changed(): void
  readonly everyMs?: number
  readonly quietMs?: number
}

const EVERY_MS = 1_000
/** It has not changed for so long. */
const QUIET_MS = 100

export class FileWatch {
  readonly #options: WatchOptions
  readonly #file: string
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  /** As it was told of last; undefined: not yet looked at. */
  #told: string | undefined
  #seen: string | undefined
  #closed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#file = resolve(options.file)
    try {
      this.#watcher = watch(dirname(this.#file), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(this.#file)) this.#soon(this.#quietMs)
      })
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      // Too many watches, or a file system that has none: looking is enough.
    }
    void this.#look()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watcher?.close()
  }

  get #quietMs(): number {
    return this.#options.quietMs ?? QUIET_MS
  }

  #soon(ms: number): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), ms).unref()
  }

  async #look(): Promise<void> {
    const now = await stampOf(this.#file)
    const before = this.#seen
    this.#seen = now
    // Gone: whoever replaces it puts another one there.
    if (now === undefined) return this.#soon(this.#options.everyMs ?? EVERY_MS)
    this.#told ??= now
    if (now === this.#told) return this.#soon(this.#options.everyMs ?? EVERY_MS)
    if (now !== before) return this.#soon(this.#quietMs)
    this.#told = now
    this.#soon(this.#options.everyMs ?? EVERY_MS)
    if (!this.#closed) this.#options.changed()
  }
}

const stampOf = (file: string): Promise<string | undefined> =>
  stat(file).then(
    ({ mtimeMs, ctimeMs, size, ino }) => `${mtimeMs} ${ctimeMs} ${size} ${ino}`,
    () => undefined,
  )
