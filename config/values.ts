/** How each kind of value is written: one table gives the parser, the pattern of the editor's schema and the words of a complaint. */

import { isIP } from 'node:net'
import { parseDecimal, parseUsd, type Rate, type Ratio, ratio, type Usd } from '#contract'
import { hint, list } from './complaints.ts'
import type { Field } from './fields.ts'
import type { ListenAddress } from './model.ts'
import type { Node, ScalarNode } from './yaml.ts'

interface Form {
  readonly pattern: string
  /** `a duration` */
  readonly what: string
  readonly example: string
  /** The right form of a bare number. */
  readonly withUnit: (written: string) => string
  parse(text: string): unknown
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
const WINDOW_SECONDS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 }

function parseDuration(text: string): number | undefined {
  const found = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  const ms = found === null ? 0 : Number(found[1]) * (UNIT_MS[found[2] as string] as number)
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined
}

function parseSize(text: string): number | undefined {
  const found = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(text)
  const bytes = found === null ? 0 : Number(found[1]) * (UNIT_BYTES[found[2] as string] as number)
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The pause between two calls is rounded up to a nanosecond, so that the pace is never exceeded. */
function parseRate(text: string): Rate | undefined {
  const found = /^(\d{1,9})\/(second|minute|hour|day)$/.exec(text)
  const count = found === null ? 0 : Number(found[1])
  if (found === null || count === 0) return undefined
  const windowSeconds = WINDOW_SECONDS[found[2] as string] as number
  return { count, windowSeconds, everyNs: Math.ceil((windowSeconds * 1e9) / count) }
}

function parsePercent(text: string): Ratio | undefined {
  const part = text.endsWith('%') ? parseDecimal(text.slice(0, -1)) : undefined
  if (part === undefined || part.num > part.den * 100n) return undefined
  return ratio(part.num, part.den * 100n)
}

const parseFactor = (text: string): Ratio | undefined => (text.endsWith('x') ? parseDecimal(text.slice(0, -1)) : undefined)

/** Amounts of a configuration are never negative. */
function parseMoney(text: string): Usd | undefined {
  const amount = parseUsd(text)
  return amount === undefined || amount < 0n || text.startsWith('-') ? undefined : amount
}

function parseListen(text: string): ListenAddress | undefined {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text)
  if (found === null || Number(found[3]) > 65_535) return undefined
  if (found[1] !== undefined && isIP(found[1]) !== 6) return undefined
  return { host: found[1] ?? (found[2] as string), port: Number(found[3]) }
}

export const forms: Readonly<Partial<Record<Field['type'], Form>>> = {
  rate: { pattern: '^\\d{1,9}/(second|minute|hour|day)$', what: 'a rate', example: '60/minute', withUnit: (n) => `${n}/minute`, parse: parseRate },
  duration: { pattern: '^\\d{1,9}(ms|s|m|h|d)$', what: 'a duration', example: '30s', withUnit: (n) => `${n}s`, parse: parseDuration },
  size: { pattern: '^\\d{1,9}(B|KiB|MiB|GiB)$', what: 'a size', example: '256KiB', withUnit: (n) => `${n}KiB`, parse: parseSize },
  percent: { pattern: '^\\d{1,3}(\\.\\d{1,12})?%$', what: 'a share of 0% to 100%', example: '10%', withUnit: (n) => `${n}%`, parse: parsePercent },
  money: { pattern: '^\\$\\d{1,12}(\\.\\d{1,6})?$', what: 'dollars', example: '$0.15', withUnit: (n) => `$${n}`, parse: parseMoney },
  factor: { pattern: '^\\d{1,12}(\\.\\d{1,12})?x$', what: 'a factor', example: '3x', withUnit: (n) => `${n}x`, parse: parseFactor },
  address: {
    pattern: '^0x[0-9a-fA-F]{40}$',
    what: 'an address of 0x and 40 hex digits',
    example: '"0x209693Bc6afc0C5328bA36FaF03C514EF312287C"',
    withUnit: (n) => n,
    parse: (text) => (/^0x[0-9a-fA-F]{40}$/.test(text) ? text : undefined),
  },
  listen: {
    pattern: '^(\\[[0-9a-fA-F:.]+\\]|[\\w.-]+):\\d{1,5}$',
    what: 'an address with a port of 0 to 65535',
    example: '127.0.0.1:8080',
    withUnit: (n) => `127.0.0.1:${n}`,
    parse: parseListen,
  },
}

/** The finished value of a scalar, or undefined when it does not fit. */
export function parseScalar(field: Field, node: ScalarNode): unknown {
  const { text, value } = node
  const form = forms[field.type]
  if (form !== undefined) return readForm(field, form, node)
  switch (field.type) {
    case 'boolean':
      if (typeof value === 'boolean') return value
      return node.fromReference && (text === 'true' || text === 'false') ? text === 'true' : undefined
    case 'integer': {
      const number = typeof value === 'number' ? value : node.fromReference && /^[-+]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      return Number.isSafeInteger(number) && number >= (field.minimum ?? -Infinity) && number <= (field.maximum ?? Infinity) ? number : undefined
    }
    case 'status':
      if (value === '2xx') return value
      return Number.isInteger(Number(text)) && Number(text) >= 100 && Number(text) <= 599 ? Number(text) : undefined
    case 'choice':
    case 'name':
      return typeof value === 'string' && field.of.includes(text) ? text : undefined
    case 'string':
    case 'strings':
      return typeof value === 'string' && text !== '' && (field.pattern === undefined || new RegExp(field.pattern).test(text)) ? text : undefined
    case 'secret':
      return typeof value === 'string' && text !== '' ? text : undefined
    default:
      return undefined
  }
}

const positive = (share: Ratio | undefined): Ratio | undefined => (share?.num === 0n ? undefined : share)

/** In the file money is written with its sign; in the environment, where a shell would eat it, it may be left out. */
function readForm(field: Field, form: Form, node: ScalarNode): unknown {
  if (typeof node.value !== 'string') return undefined
  if (field.type === 'money' && !node.fromReference && !node.text.startsWith('$')) return undefined
  if (field.type === 'percent' && field.positive === true) return positive(parsePercent(node.text))
  return form.parse(node.text)
}

/** `burst is "many"; expected a whole number of at least 1, such as 20` */
export function explain(name: string, field: Field, node: Node): string {
  if (field.type === 'name' && node.kind === 'scalar' && typeof node.value === 'string' && !node.fromOutside)
    return `unknown ${field.noun} ${node.text}; ${hint(node.text, field.of)}`
  return `${name} is ${found(field, node)}; expected ${expectation(field, node)}`
}

function found(field: Field, node: Node): string {
  if (node.kind === 'map') return 'a mapping'
  if (node.kind === 'list') return 'a list'
  if (node.value === null || node.text === '') return 'empty'
  // What the environment holds may be a secret that got into the wrong place.
  if (node.fromOutside) return `what ${node.raw} stands for`
  if (field.type === 'secret') return typeof node.value === 'string' ? 'text' : `a ${typeof node.value}`
  const shown = node.raw.length > 60 ? `${node.raw.slice(0, 60)}…` : node.raw
  return typeof node.value === 'string' ? JSON.stringify(shown) : shown
}

/** Items of a list have no name of their own. */
export const itemOf = (name: string): string => (name.startsWith('an item of ') ? name : `an item of ${name}`)

/** What a value of this kind looks like; with `node`, the right form of what was meant. */
export function expectation(field: Field, node?: Node): string {
  const form = forms[field.type]
  if (form !== undefined) {
    const bare = node?.kind === 'scalar' && typeof node.value === 'number' && !node.fromOutside ? form.withUnit(node.raw) : undefined
    const fits = bare !== undefined && form.parse(bare) !== undefined
    const what = field.type === 'percent' && field.positive === true ? 'a share of more than 0% and at most 100%' : form.what
    return `${what} such as ${fits ? bare : (exampleOf(field) ?? form.example)}`
  }
  switch (field.type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `${range(field)}${exampleOf(field) === undefined ? '' : ` such as ${exampleOf(field)}`}`
    case 'status':
      return 'a status such as 429, or 2xx'
    case 'choice':
    case 'name':
      return `${list(field.of)}${node?.kind === 'scalar' && typeof node.value === 'string' ? near(node, field.of) : ''}`
    case 'string':
    case 'strings': {
      const such = exampleOf(field) ?? (field.pattern === undefined ? undefined : `what fits ${field.pattern}`)
      return `text${field.type === 'strings' ? ' or a list of texts' : ''}${such === undefined ? ' in quotes' : ` such as ${such}`}`
    }
    default:
      return expectedStructure(field)
  }
}

const near = (node: ScalarNode, names: readonly string[]): string => {
  const guess = node.fromOutside ? '' : hint(node.text, names)
  return guess.startsWith('nearest') ? `; ${guess}` : ''
}

function expectedStructure(field: Field): string {
  switch (field.type) {
    case 'secret':
      return `\${NAME} from the environment, vault:NAME, or text in quotes`
    case 'list':
    case 'table':
      return `a ${field.type === 'list' ? 'list' : 'mapping'} such as ${field.example}`
    case 'members':
      return 'a list of names such as [q, limit], a mapping of names to JSON Schemas, or any'
    case 'chain':
      return 'a list of plugins such as [auth, rate-limit]'
    case 'overrides':
      return 'settings by plugin such as rate-limit: { per_consumer: 10/minute }'
    case 'group':
    case 'section':
      return mappingOf(Object.keys(field.of))
    default:
      return 'a value'
  }
}

const mappingOf = (names: readonly string[]): string => `a mapping with ${list(names, 'and', 6)}`

/** The same for a mapping whose members are known by name alone. */
export const explainMapping = (name: string, names: readonly string[], node: Node): string =>
  `${name} is ${found({ type: 'any', describe: '' }, node)}; expected ${mappingOf(names)}`

function range({ minimum, maximum: most = Infinity }: { minimum?: number; maximum?: number }): string {
  // A bound that only keeps numbers exact helps nobody.
  const maximum = most > 1_000_000 ? undefined : most
  if (minimum !== undefined && maximum !== undefined) return `a whole number from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `a whole number of at least ${minimum}`
  return maximum === undefined ? 'a whole number' : `a whole number of at most ${maximum}`
}

export function exampleOf(field: Field): string | undefined {
  if ('example' in field && field.example !== undefined) return field.example
  if (field.default === undefined) return undefined
  return Array.isArray(field.default) ? (field.default[0] as string | undefined) : String(field.default)
}
