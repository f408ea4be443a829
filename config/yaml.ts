/** YAML with the place of every key and value, from js-yaml's event stream; its own loader keeps no positions. */

import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, type ScalarEvent, YAMLException } from 'js-yaml'
import { type Complaints, type Placed, START } from './complaints.ts'

export interface ScalarNode extends Placed {
  readonly kind: 'scalar'
  /** As written, without quotes. A resolved reference replaces `value` and `text`, never `raw`. */
  readonly raw: string
  text: string
  value: string | number | boolean | null
  /** The value comes, at least in part, from a `${...}`. */
  fromReference: boolean
  /** It comes from the environment or the vault, not from a default in the file: it is never printed. */
  fromOutside: boolean
  /** Where it stands in the text, without quotes; undefined of what does not. */
  readonly span?: readonly [from: number, to: number]
}

export interface Entry {
  readonly key: Placed & { readonly name: string }
  readonly value: Node
}

export interface MapNode extends Placed {
  readonly kind: 'map'
  readonly entries: Map<string, Entry>
}

export interface ListNode extends Placed {
  readonly kind: 'list'
  readonly items: Node[]
}

export type Node = ScalarNode | MapNode | ListNode

const MOST_BYTES = 1024 * 1024
/** Aliases repeat nodes; this many in all is far beyond any real file and harmless. */
const MOST_NODES = 50_000

/** The one document of the file, or undefined after a complaint. */
export function parseYaml(text: string, complaints: Complaints): MapNode | undefined {
  if (text.length > MOST_BYTES) {
    complaints.error(START, 'the file is larger than 1 MiB; expected a configuration')
    return undefined
  }
  const events = readEvents(text, complaints)
  if (events === undefined) return undefined
  const root = new Builder(text, events, complaints).root()
  if (root === undefined) return undefined
  if (size(root) > MOST_NODES) {
    complaints.error(START, `aliases repeat more than ${MOST_NODES} values; expected a configuration of a sane size`)
    return undefined
  }
  if (root.kind === 'map') return root
  const empty = root.kind === 'scalar' && root.value === null
  complaints.error(root, `the file is ${empty ? 'empty' : root.kind === 'list' ? 'a list' : 'one value'}; expected settings such as api_connections: [...]`)
  return undefined
}

function readEvents(text: string, complaints: Complaints): Event[] | undefined {
  try {
    return parseEvents(text, { maxDepth: 40 })
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const at = Math.min(error.mark?.position ?? 0, text.length)
    const line = text.slice(text.lastIndexOf('\n', at - 1) + 1).split('\n', 1)[0] ?? ''
    const quote = /[{[].*\$\{/.test(line) ? `; inside { } and [ ] a reference needs quotes: "\${NAME}"` : ''
    complaints.error({ at }, `not valid YAML: ${error.reason}${quote}`)
    return undefined
  }
}

/** Turns events into nodes. `last` is the place that an empty value is reported at. */
class Builder {
  readonly #text: string
  readonly #events: readonly Event[]
  readonly #complaints: Complaints
  readonly #anchors = new Map<string, Node>()
  #index = 0
  #last = 0

  constructor(text: string, events: readonly Event[], complaints: Complaints) {
    this.#text = text
    this.#events = events
    this.#complaints = complaints
  }

  root(): Node | undefined {
    const documents = this.#events.filter((event) => event.type === EVENT_ID.DOCUMENT).length
    if (documents === 0) return emptyScalar(0)
    this.#index = 1
    const root = this.#node()
    if (documents === 1) return root
    const second = this.#events[this.#index + 2]
    this.#complaints.error(
      { at: Math.max(this.#startOf(second), this.#last) },
      `the file holds ${documents} documents; expected one, without --- between settings`,
    )
    return undefined
  }

  #node(): Node {
    const event = this.#events[this.#index++]
    if (event?.type === EVENT_ID.ALIAS) return this.#alias(event.anchorStart, event.anchorEnd)
    const start = this.#startOf(event)
    this.#last = start
    if (event?.type === EVENT_ID.MAPPING) return this.#mapping({ kind: 'map', at: start, entries: new Map() }, event)
    if (event?.type === EVENT_ID.SEQUENCE) return this.#sequence({ kind: 'list', at: start, items: [] }, event)
    if (event?.type === EVENT_ID.SCALAR) return this.#named(event, this.#scalar(event, start))
    return emptyScalar(this.#last)
  }

  #mapping(node: MapNode, event: Tagged): Node {
    this.#checkTag(event, 'map', node)
    while (this.#events[this.#index]?.type !== EVENT_ID.POP) {
      const key = this.#node()
      const place = { at: key.at, name: key.kind === 'scalar' ? key.text : '' }
      this.#last = key.at
      const value = this.#node()
      const first = node.entries.get(place.name)
      if (key.kind !== 'scalar') this.#complaints.error(place, 'a list or mapping stands where a name belongs; expected name: value')
      else if (first === undefined) node.entries.set(place.name, { key: place, value })
      else this.#complaints.error(place, `${place.name} is set twice; the first is in line ${this.#complaints.place(first.key.at).line}`)
    }
    this.#index++
    return this.#named(event, node)
  }

  #sequence(node: ListNode, event: Tagged): Node {
    this.#checkTag(event, 'seq', node)
    while (this.#events[this.#index]?.type !== EVENT_ID.POP) {
      // An item without a value has no place in the events; it stands at the next dash.
      const dash = /\n[ \t]*-(?=\s|$)/g
      dash.lastIndex = this.#last
      if (isEmpty(this.#events[this.#index]) && node.items.length > 0) this.#last = dash.exec(this.#text) === null ? this.#last : dash.lastIndex - 1
      node.items.push(this.#node())
    }
    this.#index++
    return this.#named(event, node)
  }

  #scalar(event: ScalarEvent, at: number): ScalarNode {
    const raw = getScalarValue(this.#text, event)
    const span = [event.valueStart, event.valueEnd] as const
    const node: ScalarNode = { kind: 'scalar', at, raw, text: raw, value: raw, fromReference: false, fromOutside: false, span }
    const tagged = event.tagStart !== -1
    if (tagged) this.#checkTag(event, 'str', node)
    if (!tagged && event.style === SCALAR_STYLE.PLAIN) node.value = plainValue(raw)
    return node
  }

  /** A node becomes known under its anchor when it is complete, so that none can hold itself. */
  #named<N extends Node>(event: Tagged, node: N): N {
    if (event.anchorStart !== -1) this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), node)
    return node
  }

  #alias(start: number, end: number): Node {
    const name = this.#text.slice(start, end)
    const node = this.#anchors.get(name)
    if (node !== undefined) return node
    const empty = emptyScalar(start - 1)
    this.#complaints.error(empty, `*${name} refers to an anchor that is not above it; expected &${name} before it`)
    return empty
  }

  #checkTag(event: Tagged, expected: 'map' | 'seq' | 'str', node: Node): void {
    if (event.tagStart === -1) return
    const tag = this.#text.slice(event.tagStart, event.tagEnd)
    if (tag !== '!' && tag !== `!!${expected}`) this.#complaints.error(node, `the tag ${tag} means nothing here; expected a plain value`)
  }

  #startOf(event: Event | undefined): number {
    if (event === undefined || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT) return this.#last
    if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1
    if (event.type !== EVENT_ID.SCALAR) return event.start
    if (event.valueStart === -1) return this.#last
    return event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED ? event.valueStart - 1 : event.valueStart
  }
}

const isEmpty = (event: Event | undefined): boolean => event?.type === EVENT_ID.SCALAR && event.valueStart === -1

interface Tagged {
  readonly tagStart: number
  readonly tagEnd: number
  readonly anchorStart: number
  readonly anchorEnd: number
}

const emptyScalar = (at: number): ScalarNode => ({ kind: 'scalar', at, raw: '', text: '', value: null, fromReference: false, fromOutside: false })

/** YAML 1.2 core schema but for 0x and 0o: an unquoted wallet is text, not a number that lost its last digits. */
function plainValue(text: string): string | number | boolean | null {
  if (text === '' || text === '~' || text === 'null' || text === 'Null' || text === 'NULL') return null
  if (text === 'true' || text === 'True' || text === 'TRUE') return true
  if (text === 'false' || text === 'False' || text === 'FALSE') return false
  return /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text) ? Number(text) : text
}

/** Nodes with repeats counted; stops counting when it is clearly too much. */
function size(root: Node): number {
  let count = 0
  const walk = (node: Node): void => {
    if (++count > MOST_NODES) return
    if (node.kind === 'map') for (const { value } of node.entries.values()) walk(value)
    if (node.kind === 'list') for (const item of node.items) walk(item)
  }
  walk(root)
  return count
}

/** Plain data for a validator; without prototypes, so that no key means anything. */
export function toData(node: Node): unknown {
  if (node.kind === 'scalar') return node.fromReference ? node.raw : node.value
  if (node.kind === 'list') return node.items.map(toData)
  const data = Object.create(null) as Record<string, unknown>
  for (const [name, { value }] of node.entries) data[name] = toData(value)
  return data
}

export const entryOf = (node: Node | undefined, name: string): Entry | undefined => (node?.kind === 'map' ? node.entries.get(name) : undefined)
export const childOf = (node: Node | undefined, name: string): Node | undefined => entryOf(node, name)?.value

/** The text of a value as a complaint may show it: what the environment holds is never printed. */
export const shown = (node: Node | undefined, text: string): string => (node?.kind === 'scalar' && node.fromOutside ? node.raw : text)
