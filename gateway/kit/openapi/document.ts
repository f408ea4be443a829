/** An OpenAPI document as a tree in which references are followed. It was written by strangers: bounded, and nothing in it is fetched. */
import { readFileSync, statSync } from 'node:fs'
import { CORE_SCHEMA, load } from 'js-yaml'
import { KitError } from '../found.ts'

export type Json = Readonly<Record<string, unknown>>

const MOST_BYTES = 16 * 2 ** 20
const MOST_HOPS = 32
const MOST_NOTES = 200

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value.trim() !== '' ? value : undefined)

export class Document {
  readonly root: Json
  readonly #notes = new Set<string>()

  constructor(root: Json) {
    this.root = root
  }

  /** What was not taken over, or has to be looked at; each sentence once. */
  get notes(): readonly string[] {
    const all = [...this.#notes]
    return all.length <= MOST_NOTES ? all : [...all.slice(0, MOST_NOTES), `and ${all.length - MOST_NOTES} more`]
  }

  note(sentence: string): void {
    this.#notes.add(sentence)
  }

  /** The object itself, with references followed; undefined where there is none. Members beside a reference (3.1) add to it. */
  object(value: unknown): Json | undefined {
    let found: unknown = value
    let beside: Json = {}
    for (let hops = 0; isObject(found) && typeof found.$ref === 'string'; hops += 1) {
      const { $ref, ...more } = found as { readonly $ref: string }
      beside = { ...more, ...beside }
      found = hops < MOST_HOPS ? this.#at($ref) : undefined
    }
    return isObject(found) ? (Object.keys(beside).length === 0 ? found : { ...found, ...beside }) : undefined
  }

  /** Those of a list that are there. */
  objects(values: unknown): readonly Json[] {
    return listOf(values).flatMap((one): readonly Json[] => {
      const found = this.object(one)
      return found === undefined ? [] : [found]
    })
  }

  /** A JSON pointer within the document (RFC 6901). */
  #at(reference: string): unknown {
    if (!reference.startsWith('#/')) {
      this.note(`${reference} lies outside of the document and was not read`)
      return undefined
    }
    let found: unknown = this.root
    for (const part of reference.slice(2).split('/')) {
      const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~')
      found = isObject(found) && Object.hasOwn(found, name) ? found[name] : Array.isArray(found) ? (found as unknown[])[Number(name)] : undefined
    }
    if (found === undefined) this.note(`${reference} leads nowhere`)
    return found
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** @throws KitError where it is no OpenAPI 3 document */
export function readDocument(file: string): Document {
  const root = parsed(file)
  if (!isObject(root)) throw new KitError(`${file} is no OpenAPI document; expected an object with openapi, info and paths`)
  if (root.swagger !== undefined)
    throw new KitError(`${file} is Swagger ${String(root.swagger)}; expected OpenAPI 3.0 or 3.1: convert it first, for example with swagger2openapi`)
  if (typeof root.openapi !== 'string' || !/^3\.[01]\./.test(root.openapi))
    throw new KitError(`${file} is OpenAPI ${JSON.stringify(root.openapi ?? null)}; expected 3.0 or 3.1, as text`)
  if (!isObject(root.paths) || Object.keys(root.paths).length === 0) throw new KitError(`${file} has no paths; expected at least one operation`)
  return new Document(root)
}

function parsed(file: string): unknown {
  let content: string
  try {
    const { size } = statSync(file)
    if (size > MOST_BYTES) throw new KitError(`${file} has ${size} bytes; expected at most ${MOST_BYTES}`)
    content = readFileSync(file, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    if (error instanceof KitError) throw error
    throw new KitError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error}); expected an OpenAPI document in JSON or YAML`)
  }
  try {
    return content.trimStart().startsWith('{') ? JSON.parse(content) : load(content, { schema: CORE_SCHEMA })
  } catch (error) {
    throw new KitError(`${file} is neither JSON nor YAML: ${(error as Error).message.split('\n')[0]}`)
  }
}
