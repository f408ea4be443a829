/** What a provider says is left of a quota: in a field of any answer, or in the answer of its usage endpoint. Anything but a plain count is no answer. */
import type { Adapter, UsageEndpoint } from '#contract'

/** Units; undefined where it does not say. Looks at lengths first: this is asked of an answer a second and connection. */
export function remainingIn(raw: readonly string[], header: string): number | undefined {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.length === header.length && name.toLowerCase() === header) return countOf((raw[at + 1] as string).trim())
  }
  return undefined
}

/** Of a usage endpoint's body: what is left, or what was used of the period that holds now. */
export function usageOf(body: Buffer, usage: UsageEndpoint, nowMs: number): { readonly remaining: number } | { readonly used: number } | undefined {
  const answer = periodIn(parsed(body), usage, nowMs)
  for (const where of [usage.remaining ?? []].flat()) {
    const remaining = counted(answer, where)
    if (remaining !== undefined) return { remaining }
  }
  const used = usage.used === undefined ? undefined : counted(answer, usage.used)
  return used === undefined ? undefined : { used }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

function periodIn(answer: unknown, { periods }: UsageEndpoint, nowMs: number): unknown {
  if (periods === undefined) return answer
  if (!Array.isArray(answer)) return undefined
  const timeOf = (period: unknown, where: string): number => Date.parse(String(valueAt(period, where)))
  return answer.find((period) => timeOf(period, periods.from) <= nowMs && nowMs < timeOf(period, periods.to))
}

function valueAt(answer: unknown, where: string): unknown {
  let value = answer
  for (const name of namesOf(where)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

function counted(answer: unknown, where: string): number | undefined {
  const value = valueAt(answer, where)
  return typeof value === 'number' || typeof value === 'string' ? countOf(String(value)) : undefined
}

/** A member's name, or with a leading slash the steps of a JSON pointer. */
const namesOf = (where: string): readonly string[] =>
  where.startsWith('/')
    ? where
        .slice(1)
        .split('/')
        .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [where]

const countOf = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined)

/** In lower case; undefined where the provider tells it in no field. */
export const remainingHeader = ({ quota }: Pick<Adapter, 'quota'>): string | undefined => quota.remaining?.header.toLowerCase()
