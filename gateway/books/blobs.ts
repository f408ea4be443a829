/** What the databases give back, as the rest of the books takes it. */
import type { ReportRow, Usd } from '#contract'

/** Records in lines. */
export const linesOf = (body: Uint8Array): string[] => {
  const lines = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8').split('\n')
  lines.pop()
  return lines
}

/** The driver gives the one or the other. */
export const bytesOf = (blob: ArrayBuffer | Uint8Array): Uint8Array => (blob instanceof ArrayBuffer ? new Uint8Array(blob) : blob)

export const countOf = (value: bigint): number => Number.parseInt(value.toString(), 10)

/** What a connection sold in a month. */
export interface TallyRow {
  readonly connection: string
  readonly owner: string
  readonly calls: bigint
  readonly units: bigint
  readonly own: bigint
  readonly revenue: Usd
  readonly platform: Usd
}

export const reportRowOf = ({ connection, owner, calls, units, own, revenue, platform }: TallyRow): ReportRow => ({
  ...{ connection, owner, callsSold: countOf(calls), unitsSold: countOf(units), ownUnits: countOf(own) },
  ...{ revenue, ownerShare: (revenue - platform) as Usd, platformShare: platform },
})
