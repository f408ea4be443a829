/** docs/reference/settings.md: every setting of gateway.config.yml and of every plugin, from their declarations. */
import type { Plugin } from '#contract'
import { coreFields } from './core.ts'
import { type Field, type Fields, isGroup } from './fields.ts'
import { exampleOf, forms } from './values.ts'

const MADE = '<!-- Made from the declarations in config/ and plugins/ by `npm run generate`. -->'

/** With a mark in place of `$`, which in a text before a brace looks like a mistake. */
const ABOUT = [
  'Every setting of gateway.config.yml. A value may come from the environment: `§{NAME}`, or `§{NAME:-default}`.',
  'Where no default stands the setting has to be written, unless it says otherwise. What is not here is an error, with its line.',
]
  .join(' ')
  .replaceAll('§', '$')

interface Row {
  /** From the file's first level on: `store.replay_mb`, `api_connections[].markup`. */
  readonly path: string
  readonly field: Field
  /** A group that may be left out, and this with it. */
  readonly within: string | undefined
}

/** `adapters`: names of those that are there. */
export function settingsPage(plugins: ReadonlyMap<string, Plugin>, adapters: readonly string[]): string {
  const fields = coreFields(adapters)
  const sections = Object.entries(fields).flatMap(([name, field]) => {
    const inside = rowsBelow(name, field)
    return inside.length === 0 ? [] : [`## ${name}`, sentence(field.describe), table(inside)]
  })
  const alone = Object.entries(fields).flatMap(([name, field]): Row[] =>
    rowsBelow(name, field).length === 0 ? [{ path: name, field, within: undefined }] : [],
  )
  const chain = [...plugins.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((plugin) => pluginPart(plugin))
  return `${[
    MADE,
    '# Settings',
    ABOUT,
    '## On its own',
    table(alone),
    ...sections,
    '# Plugins',
    'In `plugins`, and in the `plugins` and `overrides` of a route. A plugin without settings is its name alone.',
    ...chain,
  ].join('\n\n')}\n`
}

function pluginPart({ name, describe, needs = [], gives = {}, settings }: Plugin): string[] {
  const rows = Object.entries(settings as Fields).flatMap(([setting, field]) => rowsOf(setting, field))
  const facts = [
    ...(needs.length === 0 ? [] : [`Needs: ${needs.map((need) => `\`${need}\``).join(', ')}.`]),
    ...(Object.keys(gives).length === 0
      ? []
      : [
          `Gives: ${Object.keys(gives)
            .map((fact) => `\`${fact}\``)
            .join(', ')}.`,
        ]),
  ]
  return [`## ${name}`, [sentence(describe), ...facts].join(' '), ...(rows.length === 0 ? ['No settings.'] : [table(rows)])]
}

/** The setting itself where it holds no others; else those that it holds. */
function rowsOf(path: string, field: Field, within?: string): readonly Row[] {
  const inside = rowsBelow(path, field, within)
  return inside.length === 0 ? [{ path, field, within }] : inside
}

function rowsBelow(path: string, field: Field, within?: string): readonly Row[] {
  const left = field.optional === true ? path : within
  if (isGroup(field)) return Object.entries(field.of as Fields).flatMap(([name, inner]) => rowsOf(`${path}.${name}`, inner, left))
  if (field.type === 'list') return isGroup(field.of) ? rowsBelow(`${path}[]`, field.of, left) : []
  return []
}

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => [coded(row.path), formOf(row.field), defaultOf(row), sentence(row.field.describe)])
  return [['setting', 'form', 'default', 'what it does'], ['---', '---', '---', '---'], ...lines]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`)
    .join('\n')
}

const coded = (text: string): string => `\`${text}\``

function formOf(field: Field): string {
  const form = forms[field.type]
  if (form !== undefined) return `${form.what}, ${coded(exampleOf(field) ?? form.example)}`
  switch (field.type) {
    case 'choice':
    case 'name':
      return field.of.map(coded).join(', ')
    case 'boolean':
      return '`true`, `false`'
    case 'integer':
      return `a whole number${field.minimum === undefined ? '' : `, from ${field.minimum}`}${field.maximum === undefined ? '' : ` to ${field.maximum}`}`
    case 'strings':
      return withExample('a text or a list of texts', field)
    case 'secret':
      return 'a text that is never printed'
    case 'status':
      return 'a status, or `2xx`'
    default:
      return withExample(WORDS[field.type] ?? 'a text', field)
  }
}

const withExample = (words: string, field: Field): string => {
  const example = exampleOf(field)
  return example === undefined ? words : `${words}, ${coded(example)}`
}

const WORDS: Readonly<Partial<Record<Field['type'], string>>> = {
  list: 'a list',
  table: 'names with a value each',
  members: 'names, or names with a JSON Schema each, or `any`',
  chain: 'a list of plugins',
  overrides: 'plugins with settings',
  any: 'anything',
}

function defaultOf({ field: { default: value, optional }, within }: Row): string {
  if (value === undefined) return optional === true ? 'may be left out' : within === undefined ? '' : `needed in ${coded(within)}`
  return coded(Array.isArray(value) ? `[${value.join(', ')}]` : String(value))
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
