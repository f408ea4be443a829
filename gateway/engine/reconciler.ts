/** Ends settlements whose outcome is unknown: the same payment again, within 2 s, then at growing intervals up to 30 s. */
import type { Log, Store, UnknownSettlement } from '#contract'
import type { Chain } from './chain.ts'

const FIRST_MS = 1_500
const LAST_MS = 30_000

export class Reconciler {
  readonly #store: Store
  readonly #log: Log
  readonly #settlers: () => readonly Chain[]
  #timer: NodeJS.Timeout | undefined
  #waitMs = FIRST_MS
  #running = false
  #closed = false

  constructor(options: { readonly store: Store; readonly log: Log; readonly settlers: () => readonly Chain[] }) {
    this.#store = options.store
    this.#log = options.log
    this.#settlers = options.settlers
  }

  /** Something has become unknown: begin with short waits again. */
  wake(): void {
    this.#waitMs = FIRST_MS
    if (!this.#running) this.#schedule()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#closed || this.#store.unknowns().length === 0) return
    this.#timer = setTimeout(() => void this.#round(), this.#waitMs)
    this.#timer.unref()
    this.#waitMs = Math.min(LAST_MS, this.#waitMs * 2)
  }

  async #round(): Promise<void> {
    this.#running = true
    for (const unknown of this.#store.unknowns()) {
      if (this.#closed) return
      try {
        await this.#again(unknown)
      } catch (error) {
        this.#log.error({ hold: unknown.hold, error: String(error) }, 'a settlement could not be reconciled')
      }
    }
    this.#running = false
    this.#schedule()
  }

  async #again(unknown: UnknownSettlement): Promise<void> {
    const chain = this.#settlers().find(({ settles }) => settles)
    if (chain === undefined) return
    const settlement = await chain.settle(unknown.payment)
    // That a repeated settle is refused proves nothing: the first may have taken effect, or somebody else may have sent it.
    if (settlement.state !== 'settled') return
    await this.#store.resolve(unknown.hold, settlement)
    this.#log.info({ hold: unknown.hold, transaction: settlement.transaction }, 'a settlement that was unknown has settled')
  }
}
