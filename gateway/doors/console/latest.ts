/** The last calls that are recorded, charged or not: what stands on the page of live calls before anything is live. */
import { type CallLine, formatUsd } from '#contract'
import { RecordedText } from '../../economics/index.ts'
import type { Office } from '../../office/index.ts'

export interface Latest {
  readonly at: number
  readonly api: string
  readonly operation: string
  readonly consumer: string
  readonly connection: string | null
  readonly kind: string
  readonly code: string | null
  readonly units: number
  /** Plain decimal. */
  readonly price: string
}

const WITHIN_MS = 3_600_000

/** Newest first. */
export async function latestOf(office: Office, nowMs: number, count: number): Promise<readonly Latest[]> {
  const text = new RecordedText()
  let found: Latest[] = []
  for await (const piece of office.calls(nowMs - WITHIN_MS).text) {
    found.push(...text.take(piece).flatMap(latestIn))
    found = found.sort((a, b) => b.at - a.at).slice(0, count)
  }
  return found
}

function latestIn(line: CallLine): readonly Latest[] {
  if (line[0] === 'c') {
    const [, at, , , api, operation, consumer, , by, connection, , , units, price] = line
    return [{ at, api, operation, consumer, connection, kind: by === 'owner' ? 'free' : 'charged', code: null, units, price: formatUsd(BigInt(price)) }]
  }
  if (line[0] !== 'u') return []
  const [, at, api, operation, consumer, kind, code] = line
  return [{ at, api, operation, consumer, connection: null, kind, code: code === '' ? null : code, units: 0, price: '0.00' }]
}
