/** How long, as people write it. */

const MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const DURATION = /^(\d{1,6})([smhdw])$/
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/

/** `24h`, `30d`; undefined where it is none. */
export function durationMs(text: string): number | undefined {
  const found = DURATION.exec(text)
  return found === null ? undefined : Number(found[1]) * (MS[found[2] as string] as number)
}

/** Epoch milliseconds: so long ago, or `2026-11-01`, or `2026-11-01T12:00Z` (UTC); undefined where it is neither. */
export function sinceMs(text: string, nowMs: number): number | undefined {
  const ago = durationMs(text)
  if (ago !== undefined) return nowMs - ago
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}
