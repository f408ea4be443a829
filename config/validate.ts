/** Holds the file against the schema and says in our own words, at the place, what does not fit. */

import { type Adapter, messageOf, type Plugin } from '#contract'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { ajvWith, builtRule, FORMS } from '../gateway/rules/index.ts'
import { type Complaints, hint, START } from './complaints.ts'
import { gatewaySchema, meaningOf } from './schema.ts'
import { explain, explainMapping, itemOf } from './values.ts'
import { type MapNode, type Node, toData } from './yaml.ts'

export interface Vocabulary {
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly adapters: ReadonlyMap<string, Adapter>
}

/** Of the last load: a reload mostly has the same plugins and adapters. */
interface Checks {
  readonly key: string
  readonly plugins: readonly Plugin[]
  readonly schema: object
  /** Yes or no, where the build knew the schema. */
  readonly quick: ValidateFunction | undefined
  /** Says which parts are contradicted. Compiling it is the slowest part of a load, so that it waits until it is asked. */
  explain: ValidateFunction | undefined
}
let last: Checks | undefined

/** `verbose` gives the part of the schema with each error. The rest keeps compiling short: the schema is our own, and used a few times. */
const EXPLAIN = { ...FORMS.file, allErrors: true, verbose: true, code: { optimize: false } }

function checksFor({ plugins, adapters }: Vocabulary): Checks {
  const key = [...adapters.keys()].sort().join(' ')
  const found = [...plugins.values()]
  const same = last?.key === key && last.plugins.length === found.length && last.plugins.every((plugin, index) => plugin === found[index])
  if (last !== undefined && same) return last
  const schema = gatewaySchema(plugins, adapters)
  last = { key, plugins: found, schema, quick: builtRule('file', schema), explain: undefined }
  return last
}

/** What is contradicted; undefined where nothing is. @throws Error when a declaration of a plugin makes no schema, as with a pattern that is no regular expression */
function errorsOf(data: unknown, vocabulary: Vocabulary): readonly ErrorObject[] | undefined {
  const checks = checksFor(vocabulary)
  if (checks.quick?.(data) === true) return undefined
  checks.explain ??= ajvWith(EXPLAIN).compile(checks.schema)
  return checks.explain(data) ? undefined : (checks.explain.errors ?? [])
}

function errorsFor(root: MapNode, vocabulary: Vocabulary, complaints: Complaints): readonly ErrorObject[] | undefined {
  try {
    return errorsOf(toData(root), vocabulary)
  } catch (error) {
    return complaints.error(START, `the settings that plugins declare make no schema: ${messageOf(error)}`)
  }
}

/** Missing settings are not said here but by decode.ts, which knows what their default is. */
export function validate(root: MapNode, vocabulary: Vocabulary, complaints: Complaints): void {
  const contradicted = errorsFor(root, vocabulary, complaints)
  if (contradicted === undefined) return
  // `if` only repeats that one of its branches has an error.
  const errors = contradicted.filter(({ keyword }) => keyword !== 'required' && keyword !== 'if')
  const said = errors.filter((error) => say(error, root, complaints))
  const first = errors[0]
  // A part of the schema that has no words must still never let a file pass.
  if (first !== undefined && said.length === 0) complaints.error(START, `${first.instancePath || 'the file'} does not fit the schema (${first.keyword})`)
}

/** False for an error that another one of the same value puts into words. */
function say(error: ErrorObject, root: MapNode, complaints: Complaints): boolean {
  const meaning = meaningOf(error.parentSchema)
  const { node, name } = nodeAt(root, error.instancePath)
  if (meaning === undefined || node === undefined) return false
  if (meaning.kind === 'value') complaints.error(node, explain(name, meaning.field, node))
  else if (node.kind !== 'map') complaints.error(node, explainMapping(name, meaning.names, node))
  else if (error.keyword === 'additionalProperties') {
    const unknown = error.params.additionalProperty as string
    const of = meaning.of === undefined ? '' : ` of ${meaning.of}`
    complaints.error(
      node.entries.get(unknown)?.key ?? node,
      `unknown ${meaning.noun} ${unknown === '' ? '(empty)' : unknown}${of}; ${hint(unknown, meaning.names)}`,
    )
  } else complaints.error(node, 'each plugin is an item of its own; expected - name: { settings }')
  return true
}

/** Follows a JSON pointer. */
function nodeAt(root: MapNode, pointer: string): { node: Node | undefined; name: string } {
  let node: Node | undefined = root
  let name = 'the file'
  for (const step of pointer.split('/').slice(1)) {
    const at = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (node?.kind === 'map') [node, name] = [node.entries.get(at)?.value, at]
    else [node, name] = [node?.kind === 'list' ? node.items[Number(at)] : undefined, itemOf(name)]
  }
  return { node, name }
}
