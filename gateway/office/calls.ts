/** Recorded calls for whoever forecasts or simulates: how connections stand now, and a line a call. */
import type { Ground } from '../ground/index.ts'
import type { LongText } from './index.ts'

/** `sinceMs`: of calls received earlier there may be some. The shape of the first line is that of gateway/economics. */
export function recordedCalls(ground: Ground, sinceMs: number): LongText {
  return { type: 'application/x-ndjson', text: linesOf(ground, sinceMs) }
}

async function* linesOf({ admin, clock, config, calls }: Ground, sinceMs: number): AsyncIterable<string | Uint8Array> {
  const connections = await Promise.all(
    config.connections.map(async ({ name, owner }) => {
      const { enabled, sold, own, wasted, external, left, resetsAtMs } = await admin.counters(name)
      return { name, owner, enabled, sold, own, wasted, external, left, resetsAtMs: resetsAtMs ?? null }
    }),
  )
  // Of a million keys nearly all say nothing that matters here.
  const keys = (await admin.listKeys()).flatMap(({ id, account, owner, capPerDay, capPerMonth }) => {
    if (owner === undefined && capPerDay === undefined && capPerMonth === undefined) return []
    return { id, account, owner, capPerDay: capPerDay?.toString(), capPerMonth: capPerMonth?.toString() }
  })
  yield `${JSON.stringify({ v: 1, nowMs: clock.nowMs(), config: config.digest, connections, keys })}\n`
  yield* calls(sinceMs)
}
