/** One JSON Schema (draft-07) from the declarations: editors complete by it, and validate.ts holds every file against it. */

import type { Adapter, Plugin } from '#contract'
import { CUSTOM } from './connection-fields.ts'
import { coreFields } from './core.ts'
import { type Field, type Fields, isGroup } from './fields.ts'
import { exampleOf, forms } from './values.ts'

export type SchemaObject = Record<string, unknown>

/** What a complaint needs to know about the part of the schema that a value does not fit. */
export type Meaning =
  | { readonly kind: 'value'; readonly field: Field }
  | { readonly kind: 'members'; readonly noun: 'setting' | 'plugin'; readonly of: string | undefined; readonly names: readonly string[] }

const meanings = new WeakMap<object, Meaning>()

export const meaningOf = (schema: unknown): Meaning | undefined => (typeof schema === 'object' && schema !== null ? meanings.get(schema) : undefined)

function means(meaning: Meaning, schema: SchemaObject): SchemaObject {
  meanings.set(schema, meaning)
  return schema
}

/** A reference may stand for any scalar. It is resolved later, so that here only its form counts. */
const REFERENCE = '\\$\\{'

/** The schema of the whole file, with the plugins and adapters that were found. */
export const gatewaySchema = (plugins: ReadonlyMap<string, Plugin>, adapters: ReadonlyMap<string, Adapter>): SchemaObject => {
  const names = [...adapters.keys()].filter((name) => name !== CUSTOM).sort()
  const maker = new SchemaMaker(plugins)
  const about = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'gateway.config.yml of atlas', definitions: { link: maker.link() } }
  return maker.object(undefined, coreFields(names), { about })
}

interface ObjectOptions {
  readonly about: SchemaObject
  /** Overrides change single settings, so there nothing has to be written. */
  readonly partial?: boolean
  readonly extra?: SchemaObject
}

class SchemaMaker {
  readonly #plugins: readonly (readonly [string, Plugin])[]

  constructor(plugins: ReadonlyMap<string, Plugin>) {
    this.#plugins = [...plugins].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  object(of: string | undefined, fields: Fields, { about, partial = false, extra = {} }: ObjectOptions): SchemaObject {
    const required = partial ? [] : Object.keys(fields).filter((name) => mustBeWritten(fields[name] as Field))
    const properties = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, this.field(name, field)]))
    const schema = { ...about, type: 'object', properties, additionalProperties: false, ...(required.length > 0 && { required }), ...extra }
    return means({ kind: 'members', noun: 'setting', of, names: Object.keys(fields) }, schema)
  }

  field(name: string, field: Field): SchemaObject {
    const about = { description: field.describe, ...(field.default !== undefined && { default: field.default }), ...examples(field) }
    if (isGroup(field)) return this.object(name, field.of as Fields, { about })
    return means({ kind: 'value', field }, { ...about, ...(scalarSchema(field) ?? this.#structure(name, field)) })
  }

  #structure(name: string, field: Field): SchemaObject {
    switch (field.type) {
      case 'strings': {
        const text = textSchema(field.pattern)
        return { ...text, type: ['string', 'array'], items: means({ kind: 'value', field }, text) }
      }
      case 'list':
        return { type: 'array', items: this.field(name, field.of) }
      case 'table':
        return { type: 'object', additionalProperties: this.field(name, field.of) }
      case 'members':
        return { type: ['string', 'array', 'object'], pattern: '^any$', items: { type: 'string' }, additionalProperties: { type: 'object' } }
      case 'chain':
        return { type: 'array', items: { $ref: '#/definitions/link' } }
      case 'overrides':
        return { type: 'object', allOf: [this.#settings({ partial: true })] }
      default:
        return {}
    }
  }

  /** A plugin of a chain is its name, or its name with settings. */
  link(): SchemaObject {
    const names = this.#plugins.map(([name]) => name)
    const bare = means({ kind: 'value', field: { type: 'name', noun: 'plugin', of: names, describe: 'A plugin' } }, { type: 'string', enum: names })
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
    return { if: { type: 'object' }, then: this.#settings({ partial: false, extra: { minProperties: 1, maxProperties: 1 } }), else: bare }
  }

  #settings({ partial, extra = {} }: { partial: boolean; extra?: SchemaObject }): SchemaObject {
    const properties: Record<string, SchemaObject> = {}
    for (const [name, { describe, settings }] of this.#plugins)
      properties[name] = this.object(name, settings as Fields, { about: { description: describe }, partial, extra: { type: ['object', 'null'] } })
    const schema = { type: 'object', properties, additionalProperties: false, ...extra }
    return means({ kind: 'members', noun: 'plugin', of: undefined, names: Object.keys(properties) }, schema)
  }
}

const mustBeWritten = (field: Field): boolean =>
  field.default === undefined && field.optional !== true && !(isGroup(field) && !Object.values(field.of as Fields).some(mustBeWritten))

function examples(field: Field): SchemaObject {
  if (field.type === 'boolean' || field.type === 'choice') return {}
  const example = field.type === 'integer' ? field.default : (exampleOf(field) ?? forms[field.type]?.example.replaceAll('"', ''))
  return example === undefined ? {} : { examples: [example] }
}

const textSchema = (pattern: string | undefined): SchemaObject => ({
  type: 'string',
  minLength: 1,
  ...(pattern !== undefined && { pattern: `(?:${pattern})|${REFERENCE}` }),
})

/** Keywords that look at one type alone keep this free of alternatives, whose errors say little. */
function scalarSchema(field: Field): SchemaObject | undefined {
  const form = forms[field.type]
  if (form !== undefined) return { type: 'string', pattern: `${form.pattern}|${REFERENCE}` }
  switch (field.type) {
    case 'string':
      return textSchema(field.pattern)
    case 'secret':
      return textSchema(undefined)
    case 'choice':
    case 'name':
      return { type: 'string', anyOf: [{ enum: field.of }, { pattern: REFERENCE }] }
    case 'boolean':
      return { type: ['boolean', 'string'], pattern: REFERENCE }
    case 'status':
      return { type: ['integer', 'string'], pattern: `^2xx$|${REFERENCE}`, minimum: 100, maximum: 599 }
    case 'integer': {
      const { minimum, maximum } = field
      return { type: ['integer', 'string'], pattern: REFERENCE, ...(minimum !== undefined && { minimum }), ...(maximum !== undefined && { maximum }) }
    }
    default:
      return undefined
  }
}
