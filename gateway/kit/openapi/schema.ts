/** Schemas of OpenAPI 3.0 and 3.1 as plain JSON Schema that stands by itself: references filled in, keywords of one dialect only, no loops. */
import type { JsonSchema } from '#contract'
import { faultOfPattern } from '../../../config/adapter-check/index.ts'
import { type Document, isObject, type Json, listOf, textOf } from './document.ts'

/** Taken over as they are where they have the right kind of value. */
const NUMBERS = ['minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'] as const
const TYPES: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])
const MOST_DEPTH = 6
/** Of one member: references that are used many times would become a file that nobody reads. */
const MOST_NODES = 200
const MOST_CHOICES = 200

export class Schemas {
  readonly #document: Document
  #nodes = 0
  /** From the outermost to where we are: what comes back to itself may be anything. */
  readonly #within: Json[] = []

  constructor(document: Document) {
    this.#document = document
  }

  /** @param where for notes: `operation get-item: query member limit` */
  translate(schema: unknown, where: string): JsonSchema {
    this.#nodes = 0
    return this.#node(schema, where, 0)
  }

  #node(value: unknown, where: string, depth: number): JsonSchema {
    const schema = this.#document.object(value)
    this.#nodes += 1
    if (schema === undefined || depth > MOST_DEPTH || this.#nodes > MOST_NODES || this.#within.includes(schema)) return {}
    this.#within.push(schema)
    const found: [string, unknown][] = [...this.#typed(schema), ...this.#limits(schema, where), ...this.#parts(schema, where, depth)]
    this.#within.pop()
    const about = textOf(schema.description)
    if (about !== undefined && depth === 0) found.push(['description', shortened(about)])
    return Object.fromEntries(found)
  }

  #typed(schema: Json): [string, unknown][] {
    const types = [schema.type].flat().filter((type) => TYPES.has(type))
    if (schema.nullable === true && types.length > 0) types.push('null')
    const choices = listOf(schema.enum)
    const isLong = choices.length > MOST_CHOICES
    if (isLong) this.#document.note(`a list of ${choices.length} choices was left out`)
    return [
      ...(types.length === 0 ? [] : [['type', types.length === 1 ? types[0] : types] as [string, unknown]]),
      ...(choices.length === 0 || isLong
        ? []
        : [['enum', schema.nullable === true && !choices.includes(null) ? [...choices, null] : choices] as [string, unknown]]),
      ...(schema.const === undefined ? [] : [['const', schema.const] as [string, unknown]]),
    ]
  }

  #limits(schema: Json, where: string): [string, unknown][] {
    const found: [string, unknown][] = NUMBERS.flatMap((name) => (typeof schema[name] === 'number' ? [[name, schema[name]]] : []))
    // In 3.0 a flag beside the limit, in 3.1 the limit itself.
    for (const [exclusive, limit] of [['exclusiveMinimum', 'minimum'] as const, ['exclusiveMaximum', 'maximum'] as const]) {
      if (typeof schema[exclusive] === 'number') found.push([exclusive, schema[exclusive]])
      else if (schema[exclusive] === true && typeof schema[limit] === 'number') {
        found.splice(0, found.length, ...found.filter(([name]) => name !== limit))
        found.push([exclusive, schema[limit]])
      }
    }
    if (schema.uniqueItems === true) found.push(['uniqueItems', true])
    const pattern = textOf(schema.pattern)
    const fault = pattern === undefined ? undefined : faultOfPattern(pattern)
    if (fault !== undefined) this.#document.note(`${where}: its pattern ${fault}, so it was left out`)
    else if (pattern !== undefined) found.push(['pattern', pattern])
    return found
  }

  #parts(schema: Json, where: string, depth: number): [string, unknown][] {
    const found: [string, unknown][] = []
    const within = (one: unknown): JsonSchema => this.#node(one, where, depth + 1)
    if (isObject(schema.properties)) {
      const members = Object.entries(schema.properties).filter(([, one]) => this.#document.object(one)?.readOnly !== true)
      found.push(['properties', Object.fromEntries(members.map(([name, one]) => [name, within(one)]))])
      const required = listOf(schema.required).filter((name) => members.some(([known]) => known === name))
      if (required.length > 0) found.push(['required', required])
    }
    if (schema.items !== undefined) found.push(['items', within(schema.items)])
    if (typeof schema.additionalProperties === 'boolean') found.push(['additionalProperties', schema.additionalProperties])
    else if (isObject(schema.additionalProperties)) found.push(['additionalProperties', within(schema.additionalProperties)])
    if (listOf(schema.allOf).length > 0) found.push(['allOf', listOf(schema.allOf).map(within)])
    // That exactly one fits is the provider's to say.
    const choices = [...listOf(schema.anyOf), ...listOf(schema.oneOf)]
    if (choices.length > 0) found.push(['anyOf', choices.map(within)])
    return found
  }
}

/** A sentence. */
export const shortened = (about: string, most = 160): string => {
  const plain = about.replaceAll(/\s+/g, ' ').trim()
  const [first = plain] = /^.*?[.!?](?= |$)/.exec(plain) ?? [plain]
  return first.length <= most ? first : `${first.slice(0, most - 1)}…`
}
