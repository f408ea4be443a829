/**
 * Where keys of our own are kept: one text, replaced only by whoever has read what it replaces. In a folder each text is a file
 * with a number; a new one comes to its name by a link, which fails where somebody was faster: no lock is left behind by a crash.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface KeyShelf {
  /** Undefined where nothing was ever put. */
  read(): Promise<string | undefined>
  /** False where there is something else than `expectedBefore` by now. Resolves when durable. */
  write(text: string, expectedBefore: string | undefined): Promise<boolean>
}

const NAME = /^receipt-keys\.(\d{1,9})\.json$/

interface Kept {
  readonly number: number
  readonly text: string | undefined
}

const isCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code

export class FileShelf implements KeyShelf {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async read(): Promise<string | undefined> {
    return this.#newest().text
  }

  async write(text: string, expectedBefore: string | undefined): Promise<boolean> {
    mkdirSync(this.#folder, { recursive: true })
    const { number, text: before } = this.#newest()
    if (before !== expectedBefore) return false
    const next = number + 1
    if (!this.#put(next, text)) return false
    // A number that was passed over is free again, and taken in vain.
    if (this.#numbers().some((other) => other > next)) return false
    for (const other of this.#numbers()) if (other < next) rmSync(this.#file(other), { force: true })
    return true
  }

  #file(number: number): string {
    return join(this.#folder, `receipt-keys.${number}.json`)
  }

  #numbers(): number[] {
    try {
      return readdirSync(this.#folder).flatMap((name) => {
        const found = NAME.exec(name)
        return found === null ? [] : [Number(found[1])]
      })
    } catch (error) {
      if (isCode(error, 'ENOENT')) return []
      throw error
    }
  }

  #newest(): Kept {
    for (;;) {
      const number = Math.max(0, ...this.#numbers())
      if (number === 0) return { number, text: undefined }
      try {
        return { number, text: readFileSync(this.#file(number), 'utf8') }
      } catch (error) {
        // Replaced between the two looks.
        if (!isCode(error, 'ENOENT')) throw error
      }
    }
  }

  #put(number: number, text: string): boolean {
    const fresh = join(this.#folder, `.receipt-keys.${randomBytes(8).toString('hex')}`)
    const file = openSync(fresh, 'wx', 0o600)
    try {
      writeSync(file, text)
      fsyncSync(file)
      linkSync(fresh, this.#file(number))
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false
      throw error
    } finally {
      closeSync(file)
      rmSync(fresh, { force: true })
    }
    const folder = openSync(this.#folder, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
    return true
  }
}
