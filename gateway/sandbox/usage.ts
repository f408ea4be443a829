/** The usage endpoint of a simulated provider, in the form in which the adapter reads it. */
import type { Adapter, UsageEndpoint } from '#contract'
import type { Asked } from './routes.ts'

/** Whether a request asks for it. Where the credential is part of its path, another one is another path. */
export function usageCheck({ quota, credential: place }: Adapter, credential: string): (asked: Asked) => boolean {
  const { usage } = quota
  if (usage === undefined) return () => false
  const inPath = encodeURIComponent(credential)
  const template = usage.path.includes('{credential}') || place.in !== 'path' ? usage.path : `/{credential}${usage.path}`
  const path = template.replace('{credential}', () => inPath)
  return (asked) => asked.path === path && asked.method === usage.method
}

/** What it says of a connection that has used so many units of its quota. */
export function usageAnswer(usage: UsageEndpoint, { quota, used, nowMs }: { readonly quota: number; readonly used: number; readonly nowMs: number }): unknown {
  const [remaining] = [usage.remaining ?? []].flat()
  const said = remaining === undefined ? nested(usage.used ?? 'used', used) : nested(remaining, quota - used)
  if (usage.periods === undefined) return said
  const { from, to } = usage.periods
  const now = new Date(nowMs)
  const month = (later: number): string => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + later, 1)).toISOString()
  return [{ ...(said as object), [from]: month(0), [to]: month(1) }]
}

/** A value at the place that a member's name or a JSON pointer names. */
const nested = (place: string, value: unknown): unknown =>
  (place.startsWith('/') ? place.slice(1).split('/') : [place]).reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)
