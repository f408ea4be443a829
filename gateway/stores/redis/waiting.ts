/** Who waits for the call under a name, which may be under way in another process: one look at the store a name, however many wait. */

const FIRST_MS = 20
const LAST_MS = 200

interface Watch {
  readonly waiters: (() => void)[]
  timer: NodeJS.Timeout | undefined
  waitMs: number
}

export class Waiting {
  readonly #isUnderWay: (name: string) => Promise<boolean>
  readonly #watches = new Map<string, Watch>()

  constructor(isUnderWay: (name: string) => Promise<boolean>) {
    this.#isUnderWay = isUnderWay
  }

  ended(name: string): Promise<void> {
    return new Promise((resolve) => {
      const watch = this.#watches.get(name)
      if (watch !== undefined) return void watch.waiters.push(resolve)
      this.#watches.set(name, { waiters: [resolve], timer: undefined, waitMs: FIRST_MS })
      void this.#see(name)
    })
  }

  /** Something has become of these, here: no need to wait for the next look. */
  look(names: readonly string[]): void {
    for (const name of names) {
      const watch = this.#watches.get(name)
      if (watch?.timer === undefined) continue
      clearTimeout(watch.timer)
      watch.timer = undefined
      void this.#see(name)
    }
  }

  close(): void {
    for (const { timer, waiters } of this.#watches.values()) {
      clearTimeout(timer)
      for (const waiter of waiters) waiter()
    }
    this.#watches.clear()
  }

  async #see(name: string): Promise<void> {
    const underWay = await this.#isUnderWay(name)
    const watch = this.#watches.get(name)
    if (watch === undefined) return
    if (!underWay) {
      this.#watches.delete(name)
      for (const waiter of watch.waiters) waiter()
      return
    }
    watch.timer = setTimeout(() => {
      watch.timer = undefined
      void this.#see(name)
    }, watch.waitMs)
    watch.waitMs = Math.min(LAST_MS, watch.waitMs * 2)
  }
}
