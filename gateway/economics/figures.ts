/** Sums of one side of a comparison: by connection and owner, and refusals by API and code. Exact: units are integers, money micro-dollars. */

export interface Sums {
  readonly connection: string
  readonly owner: string
  callsSold: number
  unitsSold: number
  ownUnits: number
  wastedUnits: number
  revenue: bigint
  platform: bigint
}

export class Figures {
  readonly #sums = new Map<string, Map<string, Sums>>()
  readonly #refusals = new Map<string, Map<string, number>>()

  /** One of each name and owner, made when it is first asked for. */
  of(connection: string, owner: string): Sums {
    let owners = this.#sums.get(connection)
    if (owners === undefined) {
      owners = new Map()
      this.#sums.set(connection, owners)
    }
    let sums = owners.get(owner)
    if (sums === undefined) {
      sums = { connection, owner, callsSold: 0, unitsSold: 0, ownUnits: 0, wastedUnits: 0, revenue: 0n, platform: 0n }
      owners.set(owner, sums)
    }
    return sums
  }

  refused(api: string, code: string, calls = 1): void {
    let codes = this.#refusals.get(api)
    if (codes === undefined) {
      codes = new Map()
      this.#refusals.set(api, codes)
    }
    codes.set(code, (codes.get(code) ?? 0) + calls)
  }

  all(): Sums[] {
    return [...this.#sums.values()].flatMap((owners) => [...owners.values()])
  }

  /** Code -> calls, of these APIs or of all; the most frequent first. */
  refusals(apis?: ReadonlySet<string>): Readonly<Record<string, number>> {
    const sums = new Map<string, number>()
    for (const [api, codes] of this.#refusals) {
      if (apis !== undefined && !apis.has(api)) continue
      for (const [code, count] of codes) sums.set(code, (sums.get(code) ?? 0) + count)
    }
    return Object.fromEntries([...sums].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)))
  }
}

export interface Counted {
  calls: number
  revenue: bigint
}

/** What differs, and what is not known. */
export interface Notes {
  readonly calls: { sold: number; uncharged: number }
  /** Sold after, at more than was paid. */
  readonly dearer: Counted
  /** Refused before, sold after. */
  readonly regained: Counted
  /** Sold before, refused after; with what they paid. */
  readonly lost: Counted
  /** Refused by what is not played again. */
  unexplained: number
  /** Their settlement was not known when they were recorded. */
  unknown: number
  /** Their units depend on what was asked or answered. */
  asRecorded: number
}
