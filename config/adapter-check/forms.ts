/** Schemas of an operation: valid, quick on any text, and what the adapter's own example and sample fit. */
import { type JsonSchema, messageOf, type Operation } from '#contract'
import type { ValidateFunction } from 'ajv'
import { ajvWith } from '../../gateway/rules/index.ts'
import { faultOfPattern } from './runaway.ts'
import { listedIn } from './units.ts'

/** They are used a few times. */
const QUICK = { validateSchema: false, meta: false, addUsedSchema: false, unicodeRegExp: true, code: { optimize: false }, messages: true } as const
/** A keyword that is not known is a mistake: it would check nothing. */
const OPTIONS = { strict: true, allowUnionTypes: true, strictTypes: false, strictRequired: false, validateFormats: false, ...QUICK } as const

/** Schemas that say the same are looked at once: most operations take the same few members. */
export class Forms {
  readonly #ajv = ajvWith(OPTIONS)
  /** What a schema says -> what is wrong with it. */
  readonly #known = new Map<Said, string | undefined>()
  /** What a schema says -> how to check with it. */
  readonly #checks = new Map<Said, ValidateFunction>()

  /** @returns complaints about one operation, without its name */
  faults(operation: Operation): readonly string[] {
    const wrong = placesOf(operation).flatMap(({ where, schema }) => {
      const fault = this.#look(schema)
      return fault === undefined ? [] : [`${where} ${fault}`]
    })
    return wrong.length > 0 ? wrong : [...this.#ofExample(operation), ...this.#ofSample(operation)]
  }

  #look(schema: JsonSchema): string | undefined {
    const said = saidBy(schema)
    if (!this.#known.has(said)) this.#known.set(said, this.#faultOf(schema))
    return this.#known.get(said)
  }

  #faultOf(schema: JsonSchema): string | undefined {
    for (const pattern of patternsIn(schema)) {
      const fault = faultOfPattern(pattern)
      if (fault !== undefined) return `has a pattern that ${fault}: ${pattern.slice(0, 100)}`
    }
    try {
      this.#check(schema)
      return undefined
    } catch (error) {
      return `is no valid JSON Schema: ${messageOf(error)}`
    }
  }

  /** @throws Error where it is no valid schema */
  #check(schema: JsonSchema): ValidateFunction {
    const said = saidBy(schema)
    const known = this.#checks.get(said)
    if (known !== undefined) return known
    const check = this.#ajv.compile(schema)
    this.#checks.set(said, check)
    return check
  }

  #unfit(schema: JsonSchema, value: unknown): string | undefined {
    const validate = this.#check(schema)
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors, { dataVar: 'it' })
  }

  #ofExample(operation: Operation): readonly string[] {
    if (operation.example === undefined) return []
    const { params = {}, query = {}, body = {} } = operation.example
    const given = { ...params, ...query, ...body }
    const missing = (operation.required ?? []).filter((name) => !Object.hasOwn(given, name))
    return [
      ...missing.map((name) => `the example lacks ${name}, which is required`),
      ...this.#ofMembers('path', operation.params ?? {}, params, false),
      ...(operation.query === 'any' ? [] : this.#ofMembers('query', listedIn(operation.query), query, true)),
      ...(operation.body === 'any' ? [] : this.#ofMembers('body', listedIn(operation.body), body, true)),
    ]
  }

  #ofMembers(where: string, listed: Readonly<Record<string, JsonSchema>>, given: Readonly<Record<string, unknown>>, all: boolean): readonly string[] {
    return Object.entries(given).flatMap(([name, value]) => {
      const schema = Object.hasOwn(listed, name) ? listed[name] : undefined
      if (schema === undefined) return all ? [`the example's ${where} member ${name} is not listed`] : []
      const fault = this.#unfit(schema, where === 'body' ? value : readText(schema, String(value)))
      return fault === undefined ? [] : [`the example's ${where} member ${name} contradicts its schema: ${fault}`]
    })
  }

  #ofSample({ sample, answer }: Operation): readonly string[] {
    if (answer === undefined) return []
    const fault = this.#unfit(answer, sample)
    return fault === undefined ? [] : [`the sample contradicts the schema of the answer: ${fault}`]
  }
}

const placesOf = ({ params = {}, query, body, answer }: Operation): readonly { readonly where: string; readonly schema: JsonSchema }[] => {
  const of = (where: string, members: Readonly<Record<string, JsonSchema>>) =>
    Object.entries(members).map(([name, schema]) => ({ where: `${where} member ${name}`, schema }))
  const whole = answer === undefined ? [] : [{ where: 'answer', schema: answer }]
  return [...of('path', params), ...of('query', Array.isArray(query) ? {} : listedIn(query)), ...of('body', listedIn(body)), ...whole]
}

const PLAIN: Readonly<Record<string, RegExp>> = { integer: /^-?\d{1,15}$/, number: /^-?\d{1,15}(\.\d+)?$/, boolean: /^(true|false)$/ }

/** A value of a path or a query is text; a schema of another type means its plain writing, one of type array any number of them. */
function readText(schema: JsonSchema, value: string): unknown {
  if (schema.type === 'array') return [value]
  return PLAIN[String(schema.type)]?.test(value) === true ? JSON.parse(value) : value
}

/** As text; a schema that is more than JSON says only itself. */
type Said = string | JsonSchema

function saidBy(schema: JsonSchema): Said {
  try {
    return JSON.stringify(schema, plain)
  } catch {
    return schema
  }
}

/** @throws Error for what JSON would leave out or change */
function plain(_name: string, value: unknown): unknown {
  const isPlain = typeof value === 'object' && value !== null && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)
  if (isPlain || value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value
  throw new Error('no JSON')
}

/** Every pattern, however deep. */
export function* patternsIn(schema: unknown): Generator<string> {
  if (typeof schema !== 'object' || schema === null) return
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'pattern' && typeof value === 'string') yield value
    if (name === 'patternProperties') yield* Object.keys(Object(value))
    if (name !== 'enum' && name !== 'const' && name !== 'default' && name !== 'examples') yield* patternsIn(value)
  }
}
