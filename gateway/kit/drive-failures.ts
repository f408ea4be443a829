/** Each rule for failures, played by the provider against a connection of its own: how it is answered, charged, and what becomes of its units. */
import { type Adapter, type FailureRule, mostUnits, type Operation } from '#contract'
import { requestOf } from './adapter-guarantees.ts'
import { type Door, exampleOf, type Place } from './drive-place.ts'

/** @param doors one for each rule, in their order */
export async function driveFailures(place: Place, adapter: Adapter, doors: readonly Door[]): Promise<readonly string[]> {
  const operation = adapter.operations.find(({ streaming, method }) => streaming !== true && method !== 'HEAD')
  if (operation === undefined) return []
  const complaints: string[] = []
  for (const [at, rule] of adapter.failures.entries()) {
    const door = doors[at] as Door
    await place.onlySells(door)
    complaints.push(...(await failing(place, { door, operation, rule, status: statusOf(rule, adapter.failures) })).map((text) => `failures[${at}] (${text}`))
  }
  return complaints
}

interface Case {
  readonly door: Door
  readonly operation: Operation
  readonly rule: FailureRule
  readonly status: number
}

async function failing(place: Place, { door, operation, rule, status }: Case): Promise<readonly string[]> {
  const { admin } = place.gateway.ground
  const balance = await admin.balance('key:kit')
  place.simulator.script(door.name, [{ status, body: bodyOf(rule) }])
  const heard = await place.send(exampleOf(operation))
  const { sold, wasted } = await admin.counters(door.name)
  const passes = rule.means === 'bad-request' || rule.means === 'not-found'
  const units = (rule.bills ?? true) ? mostUnits(operation, requestOf(operation)) : 0
  const of = `${rule.status}${rule.bodyHas === undefined ? '' : ` with "${rule.bodyHas}"`}, ${rule.means})`
  return [
    ...(heard.status === (passes ? status : 502) ? [] : [`${of}: answered ${heard.status}; expected ${passes ? status : 502}`]),
    ...(passes || heard.body.includes('"upstream_error"') ? [] : [`${of}: answered ${heard.body.slice(0, 100)}; expected upstream_error`]),
    ...(sold === 0 && (await admin.balance('key:kit')) === balance ? [] : [`${of}: something was charged`]),
    ...(wasted === units ? [] : [`${of}: ${wasted} units are wasted; expected ${units}`]),
  ]
}

const CLASSES: Readonly<Record<string, readonly number[]>> = { '2xx': [200], '4xx': [418, 422, 451, 409, 400], '5xx': [503, 500, 502, 504, 599] }

/** Of a class one that has no rule of its own. */
function statusOf({ status }: FailureRule, rules: readonly FailureRule[]): number {
  if (typeof status === 'number') return status
  const free = CLASSES[status]?.find((one) => !rules.some((rule) => rule.status === one))
  return free ?? (CLASSES[status]?.[0] as number)
}

/** What makes the rule apply. */
function bodyOf({ sample, bodyHas, bodyMember }: FailureRule): unknown {
  if (sample !== undefined) return sample
  if (bodyMember !== undefined) return { [bodyMember]: bodyHas ?? 'failed' }
  return { error: bodyHas ?? 'failed' }
}
