/** What a call of an operation may carry: segments of the path, members of query and body, each with its schema and an example. */
import type { JsonSchema } from '#contract'
import { type Document, isObject, type Json, listOf, textOf } from './document.ts'
import { exampleIn, sampleOf, trimmed } from './sample.ts'
import { Schemas } from './schema.ts'

export interface Member {
  readonly name: string
  readonly schema: JsonSchema
  readonly required: boolean
  /** Undefined where none could be made. */
  readonly example: unknown
}

export interface Carried {
  readonly params: readonly Member[]
  readonly query: readonly Member[]
  /** Undefined: the operation takes no body. */
  readonly body: 'any' | readonly Member[] | undefined
}

export class Parameters {
  readonly #document: Document
  readonly #schemas: Schemas
  /** Query member of the credential: no consumer may write it. */
  readonly #credential: string | undefined

  constructor(document: Document, credential: string | undefined) {
    this.#document = document
    this.#schemas = new Schemas(document)
    this.#credential = credential?.toLowerCase()
  }

  /** @param item of the path, whose parameters hold for all its methods @param id for notes */
  of(item: Json, operation: Json, id: string): Carried {
    const all = new Map<string, Json>()
    for (const one of [...listOf(item.parameters), ...listOf(operation.parameters)]) {
      const parameter = this.#document.object(one)
      const name = textOf(parameter?.name)
      if (parameter !== undefined && name !== undefined) all.set(`${String(parameter.in)} ${name}`, parameter)
    }
    const params: Member[] = []
    const query: Member[] = []
    for (const parameter of all.values()) {
      if (parameter.in === 'path') params.push(this.#member(parameter, `operation ${id}: ${String(parameter.name)}`))
      else if (parameter.in === 'query') query.push(...this.#ofQuery(parameter, id))
      else if (parameter.required === true)
        this.#document.note(`operation ${id}: it needs the ${String(parameter.in)} ${String(parameter.name)}, which no consumer can send`)
    }
    return { params, query: query.filter(({ name }) => name.toLowerCase() !== this.#credential), body: this.#body(operation, id) }
  }

  #member(parameter: Json, where: string): Member {
    const [media] = isObject(parameter.content) ? Object.values(parameter.content) : []
    const inContent = this.#document.object(media)
    const schema = inContent === undefined ? this.#document.object(parameter.schema) : { type: 'string' }
    const example = exampleIn(this.#document, parameter) ?? sampleOf(this.#document, schema)
    return { name: String(parameter.name), schema: this.#described(parameter, schema, where), required: parameter.required === true, example }
  }

  #described(parameter: Json, schema: unknown, where: string): JsonSchema {
    const about = textOf(parameter.description)
    const base = isObject(schema) ? schema : {}
    return this.#schemas.translate(about === undefined ? base : { ...base, description: about }, where)
  }

  /** Lists and objects have several ways to stand in a query (OpenAPI, "Style Values"). */
  #ofQuery(parameter: Json, id: string): readonly Member[] {
    const where = `operation ${id}: query member ${String(parameter.name)}`
    const schema = this.#document.object(parameter.schema)
    const [type] = [schema?.type].flat()
    const style = parameter.style ?? 'form'
    const explodes = parameter.explode ?? style === 'form'
    if (type === 'object' && isObject(schema?.properties) && (style === 'deepObject' || explodes === true))
      return this.#spread(parameter, schema, style === 'deepObject')
    if (type === 'object' || (type === 'array' && explodes !== true)) {
      const mark = style === 'pipeDelimited' ? '|' : style === 'spaceDelimited' ? ' ' : ','
      this.#document.note(`${where}: it is one text, its parts separated by ${mark === ' ' ? 'a space' : mark}; what the parts may be is not checked`)
      const given = exampleIn(this.#document, parameter) ?? sampleOf(this.#document, schema)
      const example = Array.isArray(given) ? given.join(mark) : isObject(given) ? Object.entries(given).flat().join(mark) : given
      const about = `${textOf(parameter.description)?.replace(/\.$/, '') ?? 'A list'}, separated by ${mark}`
      return [{ name: String(parameter.name), schema: { type: 'string', description: about.slice(0, 200) }, required: parameter.required === true, example }]
    }
    const member = this.#member(parameter, where)
    return [type === 'array' ? { ...member, example: listOf(member.example)[0] } : member]
  }

  #spread(parameter: Json, schema: Json, isDeep: boolean): readonly Member[] {
    const required = listOf(schema.required)
    return Object.entries(schema.properties as Json).map(([name, one]) => {
      const full = isDeep ? `${String(parameter.name)}[${name}]` : name
      const needed = parameter.required === true && required.includes(name)
      return { name: full, schema: this.#schemas.translate(one, full), required: needed, example: sampleOf(this.#document, one) }
    })
  }

  #body(operation: Json, id: string): Carried['body'] {
    const body = this.#document.object(operation.requestBody)
    if (body === undefined) return undefined
    const content = Object.entries(isObject(body.content) ? body.content : {})
    const media = content.find(([type]) => /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type))?.[1]
    const found = this.#document.object(media)
    if (found === undefined) {
      this.#document.note(`operation ${id}: its body is ${content.map(([type]) => type).join(' or ') || 'not described'}, so any body passes`)
      return 'any'
    }
    const schema = this.#flat(found.schema)
    if (schema === undefined) {
      this.#document.note(`operation ${id}: its body is no plain JSON object, so any body passes`)
      return 'any'
    }
    const given = exampleIn(this.#document, found) ?? exampleIn(this.#document, schema)
    return Object.entries(schema.properties as Json).flatMap(([name, one]) => {
      if (this.#document.object(one)?.readOnly === true) return []
      const example = isObject(given) && Object.hasOwn(given, name) ? given[name] : isObject(given) ? undefined : sampleOf(this.#document, one)
      const required = listOf(schema.required).includes(name)
      const where = `operation ${id}: body member ${name}`
      return [
        {
          name,
          schema: this.#schemas.translate(one, where),
          required,
          example: example === undefined && required ? sampleOf(this.#document, one) : trimmedOr(example),
        },
      ]
    })
  }

  /** With the members of everything that it is made of; undefined where it is no object with members. */
  #flat(value: unknown, depth = 0): Json | undefined {
    const schema = this.#document.object(value)
    if (schema === undefined || depth > 5) return undefined
    const parts = listOf(schema.allOf).flatMap((one): readonly Json[] => {
      const flat = this.#flat(one, depth + 1)
      return flat === undefined ? [] : [flat]
    })
    const properties = Object.fromEntries([...parts, schema].flatMap((part) => (isObject(part.properties) ? Object.entries(part.properties) : [])))
    if (Object.keys(properties).length === 0) return undefined
    return { ...schema, properties, required: [...parts, schema].flatMap((part) => listOf(part.required)) }
  }
}

const trimmedOr = (example: unknown): unknown => (example === undefined ? undefined : trimmed(example))
