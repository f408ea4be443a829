/**
 * A running gateway takes what others put into its vault: another gateway of the same folder, or a command that found no gateway to ask.
 * Looks at the file now and then; opens it only where a credential in use has another date than the one known.
 */
import type { Log } from '#contract'
import { stat } from 'node:fs/promises'
import type { Vault } from './vault.ts'

const LOOK_EVERY_MS = 1_000

type Known = ReadonlyMap<string, number>

export interface FollowOptions {
  readonly vault: Vault
  readonly file: string
  /** Name in the vault -> when the version in use was added. */
  readonly known: Known
  /** Takes the bytes. */
  readonly changed: (name: string, secret: Buffer) => void
  readonly log: Log
  readonly everyMs?: number
}

export class VaultFollower {
  readonly #options: FollowOptions
  #known: Map<string, number>
  #seen: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: FollowOptions) {
    this.#options = options
    this.#known = new Map(options.known)
    this.#wait()
  }

  /** After a reload: what is in use now. */
  follow(known: Known): void {
    this.#known = new Map(known)
    this.#seen = undefined
    this.#wait()
  }

  /** Now: somebody says that there is something. */
  look(): void {
    if (this.#closed || this.#known.size === 0) return
    clearTimeout(this.#timer)
    this.#looking = this.#looking.then(() => this.#look()).finally(() => this.#wait())
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  #wait(): void {
    if (this.#closed || this.#known.size === 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#wait())
    }, this.#options.everyMs ?? LOOK_EVERY_MS)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { vault, file, log, changed } = this.#options
    try {
      const { mtimeMs, ino, size } = await stat(file)
      const seen = `${mtimeMs} ${ino} ${size}`
      if (seen === this.#seen) return
      const added = new Map((await vault.rows()).map(({ name, addedMs }) => [name, addedMs]))
      const names = [...this.#known].flatMap(([name, knownMs]) => (added.has(name) && added.get(name) !== knownMs ? [name] : []))
      for (const [name, answer] of await vault.read(names)) {
        if (answer.kind === 'found') {
          this.#known.set(name, answer.addedAtMs)
          changed(name, answer.secret)
        } else if (answer.kind === 'missing') log.warn({ credential: name }, `a changed vault is not taken, the credentials before stay in use: ${answer.why}`)
      }
      this.#seen = seen
    } catch (error) {
      // Removed or not readable: what is loaded stays in use, and the next look may find more.
      log.debug({ error: String(error) }, 'the vault cannot be looked at')
    }
  }
}
