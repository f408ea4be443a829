/** Values that fit a schema: the specification's own examples, else made up. Small, and the same each time. */
import { type Document, isObject, type Json, listOf } from './document.ts'

const MOST_DEPTH = 6
const MOST_MEMBERS = 40

const TEXTS: Readonly<Record<string, string>> = {
  ...{ 'date-time': '2026-01-02T03:04:05Z', date: '2026-01-02', time: '03:04:05Z', uuid: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', email: 'someone@example.com' },
  ...{ uri: 'https://example.com/', url: 'https://example.com/', hostname: 'example.com', ipv4: '198.51.100.1', ipv6: '2001:db8::1' },
}
/** Tried where a pattern has to be met. */
const GUESSES = ['a', 'A', '1', 'text', 'BTC', 'abc123', '2026-01-02', `0x${'1'.repeat(40)}`, `0x${'1'.repeat(64)}`, '1h', '1.0', 'a-b', 'a_b', 'USD', '10']

/** `undefined` where none can be made. @param within schemas around this one: what comes back to itself is left out */
export function sampleOf(document: Document, value: unknown, depth = 0, within: readonly Json[] = []): unknown {
  const schema = document.object(value)
  if (schema === undefined || within.includes(schema)) return undefined
  const around = [...within, schema]
  const own = exampleIn(document, schema)
  if (own !== undefined) return own
  const [type] = [schema.type].flat().filter((one) => one !== 'null')
  if (isObject(schema.properties) || listOf(schema.allOf).length > 0 || type === 'object') return objectOf(document, schema, depth, around)
  const [choice] = [...listOf(schema.oneOf), ...listOf(schema.anyOf)]
  if (choice !== undefined) return sampleOf(document, choice, depth + 1, around)
  if (type === 'array') return depth > MOST_DEPTH ? [] : rowsOf(document, schema, depth, around)
  if (type === 'integer' || type === 'number') return numberOf(schema)
  if (type === 'boolean') return true
  return type === 'string' ? stringOf(schema) : undefined
}

/** As it is written in the specification. */
export function exampleIn(document: Document, { example, examples, default: preset, const: constant, enum: choices }: Json): unknown {
  if (example !== undefined) return example
  if (constant !== undefined) return constant
  // In a schema a list of values, in a parameter or a body named objects with one each.
  const [first] = Array.isArray(examples) ? examples : isObject(examples) ? Object.values(examples).map((one) => document.object(one)?.value) : []
  if (first !== undefined) return first
  return preset !== undefined && preset !== null ? preset : listOf(choices).find((choice) => choice !== null)
}

function objectOf(document: Document, schema: Json, depth: number, within: readonly Json[]): unknown {
  if (depth > MOST_DEPTH) return {}
  const parts = [schema, ...document.objects(schema.allOf)]
  const members = parts.flatMap((part) => (isObject(part.properties) ? Object.entries(part.properties) : []))
  const inner = parts.slice(1).flatMap((part) => (listOf(part.allOf).length > 0 ? Object.entries(Object(objectOf(document, part, depth + 1, within))) : []))
  const made = members.slice(0, MOST_MEMBERS).flatMap(([name, one]) => {
    const sample = sampleOf(document, one, depth + 1, within)
    return sample === undefined ? [] : [[name, sample] as const]
  })
  return Object.fromEntries([...inner, ...made])
}

function rowsOf(document: Document, { items, minItems }: Json, depth: number, within: readonly Json[]): readonly unknown[] {
  const row = sampleOf(document, items, depth + 1, within)
  if (row === undefined) return []
  return Array.from({ length: Math.min(10, Math.max(1, typeof minItems === 'number' ? minItems : 1)) }, () => row)
}

function numberOf({ type, minimum, maximum, exclusiveMinimum, multipleOf }: Json): number {
  const above = typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : exclusiveMinimum === true && typeof minimum === 'number' ? minimum + 1 : undefined
  const least = above ?? (typeof minimum === 'number' ? minimum : 1)
  const step = typeof multipleOf === 'number' && multipleOf > 0 ? multipleOf : undefined
  const found = step === undefined ? Math.max(least, minimum === undefined && above === undefined ? 1 : least) : Math.ceil(least / step) * step
  const bounded = typeof maximum === 'number' && found > maximum ? maximum : found
  return type === 'integer' ? Math.round(bounded) : bounded
}

/** `undefined` where no guess meets the pattern. */
function stringOf({ format, pattern, minLength, maxLength }: Json): string | undefined {
  const least = typeof minLength === 'number' ? minLength : 0
  const most = typeof maxLength === 'number' ? maxLength : 200
  const fits = (text: string): boolean => text.length >= least && text.length <= most
  if (typeof pattern === 'string') {
    const met = regular(pattern)
    return met === undefined ? undefined : GUESSES.find((guess) => fits(guess) && met.test(guess))
  }
  const usual = (typeof format === 'string' ? TEXTS[format] : undefined) ?? 'text'
  return fits(usual) ? usual : 'a'.repeat(Math.min(Math.max(least, 1), most, 10_000))
}

function regular(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, 'u')
  } catch {
    return undefined
  }
}

/** Small enough to be read, and JSON. */
export function trimmed(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.length > 200 ? `${value.slice(0, 199)}…` : value
  if (typeof value === 'number') return Number.isFinite(value) ? value : 0
  if (typeof value === 'boolean' || value === null) return value
  if (Array.isArray(value)) return depth > MOST_DEPTH ? [] : value.slice(0, 2).map((one) => trimmed(one, depth + 1))
  if (!isObject(value)) return null
  const members = depth > MOST_DEPTH ? [] : Object.entries(value).slice(0, MOST_MEMBERS)
  return Object.fromEntries(members.map(([name, one]) => [name, trimmed(one, depth + 1)]))
}
