/** What a recorded call says beside its times and its receipt. Few different things are said in very many calls: they are the same objects. */
import type { CallLine, RefundLine, SoldLine, UnchargedLine, WastedUnits } from '#contract'

export interface SoldSaid {
  readonly t: 'c'
  readonly api: string
  readonly operation: string
  readonly consumer: string
  readonly account: string
  readonly by: SoldLine[8]
  readonly connection: string
  readonly owner: string
  readonly requested: number
  readonly units: number
  /** Micro-dollars. */
  readonly price: bigint
  readonly platform: bigint
  readonly wasted: readonly WastedUnits[]
}

export interface UnchargedSaid {
  readonly t: 'u'
  readonly api: string
  readonly operation: string
  readonly consumer: string
  readonly kind: UnchargedLine[5]
  readonly code: string
  readonly requested: number
  readonly wasted: readonly WastedUnits[]
}

export interface LostSaid {
  readonly t: 'w'
  readonly connection: string
  readonly units: number
}

export interface ExternalSaid {
  readonly t: 'x'
  readonly connection: string
  readonly period: number
  readonly units: number
}

/** Of a call, not of a connection. */
export type Called = SoldSaid | UnchargedSaid
export type Said = Called | LostSaid | ExternalSaid

/** What is no reversal. */
export type RecordedEvent = Exclude<CallLine, RefundLine>

export function saidOf(line: RecordedEvent): Said {
  switch (line[0]) {
    case 'c': {
      const [t, , , , api, operation, consumer, account, by, connection, owner, requested, units, price, platform, wasted] = line
      return { t, api, operation, consumer, account, by, connection, owner, requested, units, price: BigInt(price), platform: BigInt(platform), wasted }
    }
    case 'u': {
      const [t, , api, operation, consumer, kind, code, requested, wasted] = line
      return { t, api, operation, consumer, kind, code, requested, wasted }
    }
    case 'w':
      return { t: line[0], connection: line[2], units: line[3] }
    case 'x':
      return { t: line[0], connection: line[2], period: line[3], units: line[4] }
  }
}
