/** Turns nodes into finished values by their declaration: defaults filled in, every misfit complained about once, where it stands. */

import type { Of, Settings } from '#contract'
import { checksummed } from './address.ts'
import { type Complaints, hint, nearest, type Placed } from './complaints.ts'
import { type Decoded, type Field, type Fields, isGroup, type Members } from './fields.ts'
import { expectation, explain, itemOf, parseScalar } from './values.ts'
import type { ListNode, MapNode, Node, ScalarNode } from './yaml.ts'

export interface Scope {
  readonly complaints: Complaints
  /** `x402-payment`, as in `unknown setting x of x402-payment`; undefined at the top of the file. */
  readonly of: string | undefined
  /** Where to say that a setting is missing. */
  readonly where: Placed
}

/** A reference that gives nothing counts as not written: `token: ${TOKEN:-}`. */
export const isWritten = (node: Node | undefined): node is Node => node !== undefined && !(node.kind === 'scalar' && node.fromReference && node.text === '')

export function decode<F extends Fields>(fields: F, node: MapNode | undefined, scope: Scope): Decoded<F> {
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const entry = node?.entries.get(name)
    values[name] = scope.complaints.spoiled(entry?.value)
      ? undefined
      : isWritten(entry?.value)
        ? read(name, field, entry.value, { ...scope, where: entry.key })
        : misspelt(name, fields, node)
          ? undefined
          : unwritten(name, field, { ...scope, where: entry?.key ?? scope.where })
  }
  if (node !== undefined) for (const { key } of node.entries.values()) if (!Object.hasOwn(fields, key.name)) unknownSetting(key, Object.keys(fields), scope)
  return values as Decoded<F>
}

/** What is complained about as an unknown name that is near is not missing, too. */
const misspelt = (name: string, fields: Fields, node: MapNode | undefined): boolean => {
  const names = Object.keys(fields)
  return [...(node?.entries.keys() ?? [])].some((key) => !names.includes(key) && nearest(key, names) === name)
}

/** The same for the settings of a plugin; complete when nothing was complained about. */
export const decodeSettings = <S extends Settings>(settings: S, node: MapNode | undefined, scope: Scope): Of<S> =>
  decode(settings as Fields, node, scope) as unknown as Of<S>

function unknownSetting(key: Placed & { name: string }, names: readonly string[], { complaints, of }: Pick<Scope, 'complaints' | 'of'>): void {
  complaints.error(key, `unknown setting ${key.name === '' ? '(empty)' : key.name}${of === undefined ? '' : ` of ${of}`}; ${hint(key.name, names)}`)
}

function unwritten(name: string, field: Field, scope: Scope): unknown {
  if (field.default !== undefined) return readDefault(name, field, scope)
  if (field.optional === true) return undefined
  if (isGroup(field)) return decode(field.of as Fields, undefined, { ...scope, of: name })
  scope.complaints.missing(scope.where, `missing setting ${name}${scope.of === undefined ? '' : ` of ${scope.of}`}; expected ${expectation(field)}`)
  return undefined
}

/** Defaults are written in YAML's own form, so they take the same way as what is written. */
function readDefault(name: string, field: Field, scope: Scope): unknown {
  const { default: value, ...bare } = field
  if (Array.isArray(value)) return value
  const node = { kind: 'scalar', at: 0, raw: String(value), text: String(value), value, fromReference: false, fromOutside: false } as ScalarNode
  const finished = field.type === 'strings' ? [String(value)] : parseScalar(field, node)
  if (finished === undefined)
    scope.complaints.missing(scope.where, `the default of ${explain(`${name} of ${scope.of ?? 'the file'}`, bare as Field, node)}; correct its declaration`)
  return finished
}

function read(name: string, field: Field, node: Node, scope: Scope): unknown {
  const { complaints } = scope
  const value = isGroup(field) ? readGroup(name, field.of as Fields, node, scope) : readOther(name, field, node, scope)
  if (value === undefined && !complaints.spoiled(node)) complaints.error(node, explain(name, field, node))
  if (field.type === 'address' && typeof value === 'string' && checksummed(value) !== value)
    complaints.warn(node, `${name} ${value} has capitals that are no checksum of it (EIP-55); if it is right, write ${checksummed(value)}`)
  return value
}

const readGroup = (name: string, of: Fields, node: Node, scope: Scope): unknown =>
  node.kind === 'map' ? decode(of, node, { ...scope, of: name.replace(/^an item of /, '') }) : undefined

function readOther(name: string, field: Field, node: Node, scope: Scope): unknown {
  switch (field.type) {
    case 'list':
      return node.kind === 'list' ? node.items.map((item) => readItem(name, field.of, item, scope)) : undefined
    case 'table':
      return node.kind === 'map' ? readTable(field.of, node, scope) : undefined
    case 'strings':
      return node.kind === 'list' ? readStrings(name, field, node, scope) : node.kind === 'scalar' ? single(parseScalar(field, node)) : undefined
    case 'members':
      return readMembers(node)
    case 'chain':
      return node.kind === 'list' ? node : undefined
    case 'overrides':
      return node.kind === 'map' ? node : undefined
    case 'any':
      return toValue(node)
    default:
      return node.kind === 'scalar' ? parseScalar(field, node) : undefined
  }
}

const single = (text: unknown): unknown => (text === undefined ? undefined : [text])

/** An item of a list of mappings lacks what it lacks where it begins. */
const readItem = (name: string, field: Field, item: Node, scope: Scope): unknown =>
  scope.complaints.spoiled(item) ? undefined : read(itemOf(name), field, item, { ...scope, where: item })

function readTable(field: Field, node: MapNode, scope: Scope): ReadonlyMap<string, unknown> {
  const table = new Map<string, unknown>()
  for (const [key, { value }] of node.entries) {
    const one = scope.complaints.spoiled(value) ? undefined : read(key, field, value, scope)
    if (one !== undefined) table.set(key, one)
  }
  return table
}

function readStrings(name: string, field: Field, node: ListNode, { complaints }: Scope): readonly string[] {
  const texts: string[] = []
  for (const item of node.items) {
    const text = item.kind === 'scalar' && !complaints.spoiled(item) ? parseScalar(field, item) : undefined
    if (text === undefined) complaints.error(item, explain(itemOf(name), field, item))
    else texts.push(text as string)
  }
  return texts
}

function readMembers(node: Node): Members | undefined {
  if (node.kind === 'scalar') return node.value === 'any' ? 'any' : undefined
  const value = toValue(node)
  if (Array.isArray(value)) return value.every((name) => typeof name === 'string') ? value : undefined
  const schemas = value as Record<string, Record<string, unknown>>
  return Object.values(schemas).every((schema) => typeof schema === 'object' && schema !== null && !Array.isArray(schema)) ? schemas : undefined
}

/** Plain data with references resolved. */
function toValue(node: Node): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(toValue)
  return Object.fromEntries([...node.entries].map(([name, { value }]) => [name, toValue(value)]))
}
