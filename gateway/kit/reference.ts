/** The reference of an adapter, made from its file: what it sells, for how many units, at which price at 3x, on which terms. */
import {
  type Adapter,
  type Caching,
  creditLineOf,
  dollars,
  type JsonSchema,
  keepableMs,
  mostUnits,
  type Operation,
  parseUsd,
  ratio,
  unitPriceOf,
  type Usd,
} from '#contract'
import { requestOf } from './adapter-guarantees.ts'

const MARKUP = ratio(3n, 1n)
const MOST_SAMPLE = 1200

const referenceName = ({ name }: Adapter): string => `${name}.md`

/** A page for each adapter, and one that names them. */
export function referenceOf(adapters: Iterable<Adapter>): ReadonlyMap<string, string> {
  const all = [...adapters].sort((a, b) => (a.name < b.name ? -1 : 1))
  const pages = all.map((adapter) => [referenceName(adapter), pageOf(adapter)] as const)
  return new Map([['README.md', indexOf(all)], ...pages])
}

const MADE = '<!-- Made from the files in adapters/ by `npm run generate`. -->'

function indexOf(adapters: readonly Adapter[]): string {
  const rows = adapters.map((adapter) => {
    const { title, category, operations, quota } = adapter
    return [`[${cell(title)}](${referenceName(adapter)})`, cell(category), String(operations.length), quota.unit, unitPrice(adapter)?.price ?? '-']
  })
  return `${MADE}\n\n# Adapters\n\nA unit at 3x: what a consumer pays for one unit where the connection says \`markup: 3x\` and the subscription is the usual one.\n\n${table(
    ['API', 'category', 'operations', 'unit', 'a unit at 3x'],
    rows,
  )}\n`
}

export function pageOf(adapter: Adapter): string {
  const { title, category, docs, operations, failures } = adapter
  return [
    MADE,
    `# ${cell(title)}`,
    `${cell(category)}${docs === '' ? '' : `, [documentation](${docs})`}`,
    list(factsOf(adapter)),
    ...(operations.length === 0 ? [] : ['## Operations', operationTable(adapter), ...operations.map((operation) => sectionOf(adapter, operation))]),
    ...(failures.length === 0
      ? []
      : ['## Failures', 'The first that fits. What none names is read by the rules of HTTP; what nobody knows is never charged.', failureTable(adapter)]),
  ]
    .join('\n\n')
    .concat('\n')
}

// ------------------------------------------------------------------ the adapter

function factsOf(adapter: Adapter): readonly string[] {
  const { baseUrl, credential, quota, rateLimit, terms } = adapter
  const place = 'name' in credential ? `${credential.in} \`${credential.name}\`` : credential.in
  const { remaining, usage, typical } = quota
  const price = unitPrice(adapter)
  const pace = Object.entries(rateLimit ?? {}).map(
    ([name, count]) => `${count} ${name === 'perMinute' ? 'a minute' : name === 'perSecond' ? 'a second' : 'heavy ones a second'}`,
  )
  return [
    baseUrl === undefined ? 'base: each connection names its own' : `base: \`${baseUrl}\``,
    `credential: ${place}`,
    `quota: in ${quota.unit}s, ${RESETS[quota.resets]}${typical === undefined ? '' : `; usually ${count(typical[0])} to ${count(typical[1])} a month`}`,
    price === undefined
      ? 'price of a unit: no list price is known; what the connection says (base_cost × markup)'
      : `price of a unit at 3x: ${price.price} (${price.from})`,
    ...(remaining === undefined ? [] : [`what is left is told by the header \`${remaining.header}\``]),
    ...(usage === undefined ? [] : [`what is left is asked at \`${usage.method} ${usage.path}\``]),
    ...(pace.length === 0 ? [] : [`pace that the provider states: ${pace.join(', ')}`]),
    ...(terms.attribution === undefined ? [] : [`credit line: "${cell(terms.attribution)}"`]),
    `terms: ${cell(terms.source)} (${terms.checked})`,
    `answers given again: ${cachingText(terms.caching)}`,
    ...(quota.source === undefined ? [] : [`units: ${cell(quota.source)}${quota.checked === undefined ? '' : ` (${quota.checked})`}`]),
  ]
}

const RESETS = {
  ...{ 'billing-day': 'anew on the billing day', 'first-of-month': 'anew on the first of a month', day: 'anew each day', never: 'never renewed' },
} as const

function cachingText(caching: Caching | undefined): string {
  if (caching === undefined || caching === 'not-found') return 'never; the terms say nothing of it'
  return caching === 'forbidden' ? 'never; the terms forbid it' : `for ${caching.seconds} s (${cell(caching.source)}, ${caching.checked})`
}

/** Of the usual subscription, at its list price; undefined where one of them is not known. */
function unitPrice({ subscriptionCostUsd, quota }: Adapter): { readonly price: string; readonly micros: Usd; readonly from: string } | undefined {
  const cost = subscriptionCostUsd === undefined ? undefined : parseUsd(subscriptionCostUsd)
  const units = quota.typical?.[0]
  if (cost === undefined || units === undefined) return undefined
  const micros = unitPriceOf(ratio(cost, BigInt(units)), MARKUP)
  return { micros, price: dollars(micros), from: `${dollars(cost)} a month for ${count(units)} ${quota.unit}s` }
}

const count = (many: number): string => String(many).replace(/\B(?=(\d{3})+$)/g, ',')

// ------------------------------------------------------------------ operations

/** Of the example; with the bound where the call decides. */
function unitsText(operation: Operation): string {
  const most = mostUnits(operation, requestOf(operation))
  const { units, maxUnits, unitsAssumed } = operation
  const assumed = unitsAssumed === true ? ' (assumed)' : ''
  if (typeof units === 'number') return `${units}${assumed}`
  const bound = maxUnits === undefined ? '' : `, at most ${maxUnits}`
  return typeof units === 'function' ? `${most} for the example${bound}${assumed}` : `up to ${most} for the example, by its answer${bound}${assumed}`
}

function priceText(adapter: Adapter, operation: Operation): string {
  const price = unitPrice(adapter)
  return price === undefined ? '-' : dollars((price.micros * BigInt(mostUnits(operation, requestOf(operation)))) as Usd)
}

function operationTable(adapter: Adapter): string {
  const rows = adapter.operations.map((operation) => [
    `[${operation.id}](#${operation.id})`,
    `\`${operation.method} ${operation.path}\``,
    unitsText(operation),
    priceText(adapter, operation),
    operation.resale,
  ])
  return table(['operation', 'call', 'units', 'at 3x', 'resale'], rows)
}

function sectionOf(adapter: Adapter, operation: Operation): string {
  const { id, description, method, path, source, checked, ownPriceUsd, streaming, reads, sample, requiredAny, conflicts } = operation
  const attribution = creditLineOf(adapter, operation)
  const keepMs = keepableMs(adapter, operation)
  const facts = [
    `units: ${unitsText(operation)}; at 3x: ${priceText(adapter, operation)}${ownPriceUsd === undefined ? '' : `; by the provider itself: $${ownPriceUsd}`}`,
    `resale: ${operation.resale}${source === undefined ? '' : ` (${cell(source)}, ${checked})`}`,
    ...(attribution === undefined ? [] : [`credit line: "${cell(attribution)}"`]),
    ...(reads === true ? ['calling it twice is harmless'] : []),
    ...(streaming === true ? ['its answer is open-ended: charged before its first byte'] : []),
    ...(keepMs === 0 ? [] : [`its answer may be given again for ${keepMs / 1000} s`]),
    ...(requiredAny === undefined ? [] : [`at least one of ${requiredAny.map((name) => `\`${name}\``).join(', ')}`]),
    ...(conflicts ?? []).map(([one, other]) => `not \`${one}\` and \`${other}\` together`),
  ]
  const members = membersOf(operation)
  const text = JSON.stringify(sample, null, 2)
  const shown = text.length <= MOST_SAMPLE ? text : `${text.slice(0, MOST_SAMPLE)}\n…`
  return [
    `### ${id}`,
    `\`${method} /${adapter.name}${path}\`${description === undefined ? '' : `: ${cell(description)}`}`,
    list(facts),
    ...(members.length === 0 ? [] : [table(['member', 'in', 'form', 'required'], members)]),
    `\`\`\`json\n${shown}\n\`\`\``,
  ].join('\n\n')
}

function membersOf({ path, params = {}, query, body, required = [] }: Operation): readonly (readonly string[])[] {
  const inPath = Array.from(path.matchAll(/:(\w+)/g), (found) => found[1] as string)
  const of = (where: string, members: Readonly<Record<string, JsonSchema>>): readonly (readonly string[])[] =>
    Object.entries(members).map(([name, schema]) => [`\`${name}\``, where, formOf(schema), required.includes(name) || where === 'path' ? 'yes' : ''])
  const listed = (members: Operation['query'] | Operation['body']): Readonly<Record<string, JsonSchema>> =>
    members === undefined || members === 'any'
      ? {}
      : Array.isArray(members)
        ? Object.fromEntries(members.map((name) => [name, {}]))
        : (members as Record<string, JsonSchema>)
  return [
    ...of('path', Object.fromEntries(inPath.map((name) => [name, params[name] ?? {}]))),
    ...of('query', listed(query)),
    ...of('body', listed(body)),
    ...(query === 'any' ? [['any', 'query', '', '']] : []),
    ...(body === 'any' ? [['any', 'body', '', '']] : []),
  ]
}

/** In a few words; the whole stands in the file. */
function formOf(schema: JsonSchema): string {
  const { type, enum: choices, minimum, maximum, pattern, items, description, maxItems } = schema as Readonly<Record<string, unknown>>
  const parts = [
    ...(Array.isArray(choices) ? [choices.map((choice) => String(choice)).join(', ')] : type === undefined ? [] : [[type].flat().join(' or ')]),
    ...(typeof items === 'object' && items !== null ? [`of ${formOf(items as JsonSchema) || 'anything'}`] : []),
    ...(minimum === undefined && maximum === undefined ? [] : [`${minimum ?? ''} to ${maximum ?? ''}`.trim()]),
    ...(maxItems === undefined ? [] : [`at most ${maxItems}`]),
    ...(pattern === undefined ? [] : [`\`${String(pattern)}\``]),
  ]
  const said = parts.join(' ')
  const long = said.length > 160 ? `${said.slice(0, 159)}…` : said
  return cell(description === undefined ? long : `${long}${long === '' ? '' : '; '}${String(description)}`)
}

function failureTable({ failures }: Adapter): string {
  const rows = failures.map(({ status, bodyHas, bodyMember, means, bills, standIn }) => [
    String(status),
    cell([...(bodyHas === undefined ? [] : [`"${bodyHas}"`]), ...(bodyMember === undefined ? [] : [`member \`${bodyMember}\``])].join(', ')),
    means,
    bills === false ? 'return' : 'are used',
    standIn === true ? 'assumed' : '',
  ])
  return table(['status', 'body', 'means', 'units', ''], rows)
}

// ------------------------------------------------------------------ markdown

/** One line that breaks no table and opens no tag. */
const cell = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;')
const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n')
const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [titles, titles.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
