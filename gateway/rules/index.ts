/**
 * JSON Schemas as functions that check: those of what comes with the gateway were written when it was built (gateway/kit/make-rules.ts),
 * any other is compiled when it is met. Compiling, and ajv itself, took a fifth of a start.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Ajv, Options, ValidateFunction } from 'ajv'

/** What a schema is for, and how it is compiled for that. */
export const FORMS = {
  /** The configuration: yes or no. Whoever has to explain a no compiles it again, to learn which parts it contradicts. */
  file: { strict: false, unicodeRegExp: false, validateSchema: false, meta: false, addUsedSchema: false, inlineRefs: false, messages: false },
  /** Members of a request: the first thing that is wrong, in words. */
  members: { strict: false, allErrors: false, validateSchema: false },
} as const satisfies Readonly<Record<string, Options>>

export type Form = keyof typeof FORMS
export type Rule = ValidateFunction

export const RULES = new URL('../../rules/', import.meta.url)
export const PROVEN = 'proven.json'

const require = createRequire(import.meta.url)

/** Loaded where there is something to compile, which is not so at most starts. */
export const ajvWith = (options: Options): Ajv => new (require('ajv') as { readonly Ajv: typeof Ajv }).Ajv(options)

export const fileOf = (form: Form, schema: object): string => `${form}-${createHash('sha256').update(JSON.stringify(schema)).digest('hex').slice(0, 32)}.cjs`

/** The check of a schema. @throws Error for what is no schema */
export const ruleOf = (form: Form, schema: object): Rule => builtRule(form, schema) ?? ajvWith(FORMS[form]).compile(schema)

/** The check of a schema that was known at the build. */
export function builtRule(form: Form, schema: object): Rule | undefined {
  const file = fileOf(form, schema)
  if (!built().has(file)) return undefined
  try {
    return require(fileURLToPath(new URL(file, RULES))) as Rule
  } catch {
    // Another build has taken it away, or was cut off while it wrote: what is compiled says the same.
    return undefined
  }
}

let files: ReadonlySet<string> | undefined
const built = (): ReadonlySet<string> => {
  files ??= new Set(listed())
  return files
}

function listed(): readonly string[] {
  try {
    return readdirSync(RULES)
  } catch {
    return []
  }
}

let proven: ReadonlySet<string> | undefined

/** Whether a file of an adapter, byte by byte, is one in which the build found nothing wrong. */
export function isProven(text: Buffer): boolean {
  proven ??= new Set(provenDigests())
  return proven.has(digestOf(text))
}

export const digestOf = (text: Buffer): string => createHash('sha256').update(text).digest('hex')

function provenDigests(): readonly string[] {
  try {
    return JSON.parse(readFileSync(new URL(PROVEN, RULES), 'utf8')) as readonly string[]
  } catch {
    return []
  }
}
