/** What a provider says is left of a quota: in a field of any answer, or in the answer of its usage endpoint. Anything but a plain count is no answer. */
import type { Adapter } from '#contract'

/** Units; undefined where it does not say. Looks at lengths first: this is asked of an answer a second and connection. */
export function remainingIn(raw: readonly string[], header: string): number | undefined {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.length === header.length && name.toLowerCase() === header) return countOf((raw[at + 1] as string).trim())
  }
  return undefined
}

/** Of a usage endpoint's body. */
export function remainingOf(body: Buffer, where: string): number | undefined {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  for (const name of namesOf(where)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
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
