/**
 * Holds of payments that nobody has verified yet: anybody can write one, so few may stand at once, for an address and in a
 * pool. A further one waits for its turn, a moment at most.
 */

const MOST_AN_ADDRESS = 8
/** Of the units that a pool has for sale; at least one call. */
const POOL_SHARE = 0.05
const WAIT_MS = 2_000

export interface Asking {
  /** Undefined: exempt. */
  readonly address: string | undefined
  readonly pool: string
  /** That the pool has for sale in a period. */
  readonly forSale: number
  readonly units: number
}

interface Waiting {
  readonly asking: Asking
  readonly enter: (leave: () => void) => void
}

export class Unverified {
  readonly #addresses = new Map<string, number>()
  readonly #pools = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()

  /** How to leave again; undefined where there is no room now. */
  enter(asking: Asking): (() => void) | undefined {
    if (!this.#hasRoom(asking)) return undefined
    this.#count(asking, 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#count(asking, -1)
      this.#admit()
    }
  }

  /** Undefined: its turn did not come. */
  wait(asking: Asking): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        asking,
        enter: (leave) => {
          clearTimeout(timer)
          resolve(leave)
        },
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        resolve(undefined)
      }, WAIT_MS)
      this.#waiting.add(waiting)
    })
  }

  /** In the order of their coming; one that has no room yet holds up nobody else. */
  #admit(): void {
    for (const waiting of this.#waiting) {
      const leave = this.enter(waiting.asking)
      if (leave === undefined) continue
      this.#waiting.delete(waiting)
      waiting.enter(leave)
    }
  }

  #hasRoom({ address, pool, forSale, units }: Asking): boolean {
    if (address !== undefined && (this.#addresses.get(address) ?? 0) >= MOST_AN_ADDRESS) return false
    const held = this.#pools.get(pool) ?? 0
    return held === 0 || held + units <= Math.max(1, Math.floor(forSale * POOL_SHARE))
  }

  #count({ address, pool, units }: Asking, sign: 1 | -1): void {
    // Pools are few, and stay where they are; addresses are many.
    this.#pools.set(pool, (this.#pools.get(pool) ?? 0) + sign * units)
    if (address === undefined) return
    const count = (this.#addresses.get(address) ?? 0) + sign
    if (count === 0) this.#addresses.delete(address)
    else this.#addresses.set(address, count)
  }
}
