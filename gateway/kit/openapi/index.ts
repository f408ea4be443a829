/**
 * From a provider's OpenAPI document (3.0 or 3.1) to the first file of an adapter. It says what a specification can say: operations,
 * their members, samples and failures. What a call costs and what may be resold no specification tells: one unit, and `ask`,
 * until a person writes it. Whatever is made loads: what could not be taken over is left out and named.
 */
import { basename } from 'node:path'
import { type Adapter, type CredentialPlace, defaultMeaning, type FailureMeaning, type FailureRule, type Operation } from '#contract'
import { faultsOfAdapter } from '../../../config/adapter-check/index.ts'
import { guarantees } from '../adapter-guarantees.ts'
import { KitError } from '../found.ts'
import { comment, literal, text } from '../print.ts'
import type { Style } from '../scaffold.ts'
import { type Document, isObject, type Json, listOf, readDocument, textOf } from './document.ts'
import { mediaOf, operationsOf } from './operations.ts'
import { exampleIn, sampleOf, trimmed } from './sample.ts'
import { shortened } from './schema.ts'

export interface Imported {
  readonly adapter: Adapter
  /** What was not taken over, or has to be looked at. */
  readonly notes: readonly string[]
  source(style: Style): string
}

/** @throws KitError where the file is no OpenAPI 3 document, or holds no operation that can be sold */
export function readOpenApi(file: string, name: string): Imported {
  const document = readDocument(file)
  const credential = credentialOf(document)
  const info = document.object(document.root.info) ?? {}
  const about = document.object(document.root.externalDocs)
  const [tag] = listOf(document.root.tags).flatMap((one) => textOf(document.object(one)?.name) ?? [])
  const terms = textOf(info.termsOfService)
  const draft: Adapter = {
    ...{ name, title: shortened(textOf(info.title) ?? name, 60), category: shortened(tag ?? 'Data', 40) },
    docs: textOf(about?.url) ?? '',
    ...{ baseUrl: baseOf(document, name), credential },
    quota: { unit: 'call', resets: 'billing-day' },
    terms: { source: `not read yet${terms === undefined ? '' : `: ${shortened(terms, 200)}`}`, checked: new Date().toISOString().slice(0, 10) },
    operations: operationsOf(document, credential),
    failures: failuresOf(document),
  }
  const adapter = { ...draft, operations: draft.operations.flatMap((operation) => sound(document, draft, operation) ?? []) }
  if (adapter.operations.length === 0) throw new KitError(`${file} has no operation that could be taken over: ${document.notes.slice(0, 5).join('; ')}`)
  const origin = `${basename(file)} (${shortened(textOf(info.title) ?? 'without a title', 60)} ${textOf(info.version) ?? ''}`.trim()
  return { adapter, notes: document.notes, source: (style) => sourceOf(adapter, `${origin})`, style) }
}

/** What is wrong with an operation by itself is taken out of it, beginning with what matters least; what stays wrong stays out. */
function sound(document: Document, draft: Adapter, operation: Operation): Operation | undefined {
  const faultsOf = (one: Operation): readonly string[] => {
    const alone = { ...draft, operations: [one] }
    const faults = faultsOfAdapter(alone)
    return faults.length > 0 ? faults : guarantees.flatMap(({ complaints }) => complaints(alone, draft.name))
  }
  const { example, answer, ...bare } = operation
  const open = { ...bare, query: opened(operation.query), body: operation.body === undefined ? undefined : 'any', required: undefined }
  const lesser = [operation, { ...operation, answer: undefined }, { ...bare, example, params: undefined }, { ...open, example, params: undefined }, open]
  for (const [at, one] of lesser.entries()) {
    const plain = JSON.parse(JSON.stringify(one)) as Operation
    if (faultsOf(plain).length > 0) continue
    if (at > 0) document.note(`${faultsOf(operation)[0]}; ${at === 1 ? 'the form of the answer' : 'what contradicts itself'} was left out`)
    return plain
  }
  return void document.note(`operation ${operation.id} was left out: ${faultsOf(operation)[0]}`)
}

const opened = (query: Operation['query']): Operation['query'] => (isObject(query) ? Object.keys(query) : query)

// ------------------------------------------------------------------ base and credential

function baseOf(document: Document, name: string): string {
  const server = document.object(listOf(document.root.servers)[0])
  const variables = document.object(server?.variables) ?? {}
  const written = (textOf(server?.url) ?? '/').replaceAll(/\{([^{}]+)\}/g, (_, variable: string) =>
    String(document.object(variables[variable])?.default ?? variable),
  )
  const instead = `https://api.${name}.example`
  const url = URL.canParse(written, instead) ? new URL(written, instead) : new URL(instead)
  if (!URL.canParse(written)) document.note(`servers name no address; baseUrl stands in for it: ${instead}`)
  if (url.protocol !== 'https:') document.note(`servers name ${url.protocol.slice(0, -1)}; baseUrl is https`)
  return `https://${url.host}${url.pathname.replace(/\/+$/, '')}`
}

/** The first that the document asks for everywhere, else the first that it knows. */
function credentialOf(document: Document): CredentialPlace {
  const schemes = document.object(document.object(document.root.components)?.securitySchemes) ?? {}
  const wanted = listOf(document.root.security).flatMap((one) => Object.keys(isObject(one) ? one : {}))
  for (const name of [...wanted, ...Object.keys(schemes)]) {
    const place = placeOf(document.object(schemes[name]), document)
    if (place !== undefined) return place
  }
  if (Object.keys(schemes).length > 0) document.note('no scheme of securitySchemes can be used; credential is none until it is written')
  return { in: 'none' }
}

function placeOf(scheme: Json | undefined, document: Document): CredentialPlace | undefined {
  const name = textOf(scheme?.name) ?? ''
  if (scheme?.type === 'apiKey' && (scheme.in === 'header' || scheme.in === 'query') && /^[A-Za-z0-9_-]+$/.test(name)) return { in: scheme.in, name }
  if (scheme?.type === 'http') return String(scheme.scheme).toLowerCase() === 'basic' ? { in: 'basic' } : { in: 'bearer' }
  if (scheme?.type !== 'oauth2' && scheme?.type !== 'openIdConnect') return undefined
  document.note(`${String(scheme.type)} is taken as a bearer token; nothing renews it`)
  return { in: 'bearer' }
}

// ------------------------------------------------------------------ failures

/** Each status that some operation lists, with what it means where nobody says more. */
function failuresOf(document: Document): readonly FailureRule[] {
  const found = new Map<string, FailureRule>()
  for (const item of Object.values(document.root.paths as Json)) {
    for (const operation of Object.values(document.object(item) ?? {})) {
      const responses = isObject(operation) ? document.object(operation.responses) : undefined
      for (const [status, response] of Object.entries(responses ?? {})) {
        const rule = found.has(status) ? undefined : ruleOf(document, status, document.object(response))
        if (rule !== undefined) found.set(status, rule)
      }
    }
  }
  const meaningless = [...found.values()].filter(({ means }) => means === 'unknown').map(({ status }) => status)
  if (meaningless.length > 0)
    document.note(`failures ${meaningless.join(', ')} count as unknown until somebody says what they mean: plan-lacks-it, quota-exhausted, …`)
  // A class after what is more exact.
  return [...found.values()].sort((a, b) => Number(typeof a.status === 'string') - Number(typeof b.status === 'string') || Number(a.status) - Number(b.status))
}

function ruleOf(document: Document, written: string, response: Json | undefined): FailureRule | undefined {
  if (!/^[45](\d\d|XX)$/i.test(written)) return undefined
  const isClass = /XX$/i.test(written)
  const status = isClass ? (`${written[0]}xx` as '4xx' | '5xx') : Number(written)
  const means = defaultMeaning(isClass ? Number(`${written[0]}00`) : Number(written)) as FailureMeaning
  const media = mediaOf(document, response)?.media
  const sample = media === undefined ? undefined : (exampleIn(document, media) ?? sampleOf(document, media.schema))
  return { status, means, ...(sample === undefined ? {} : { sample: trimmed(sample) }) }
}

// ------------------------------------------------------------------ the file

function sourceOf({ operations, failures, ...head }: Adapter, origin: string, { contract }: Style): string {
  const member = (name: string, value: unknown): string => `  ${name}: ${literal(value, 2, name.length + 4)},\n`
  return `/**
 * ${comment(head.title)}, begun from ${comment(origin)}. Still to be written by a person, from the provider's own pages:
 * quota (what is counted, when it starts again, where the rest is told), units of each operation (then without unitsAssumed),
 * resale and terms (\`ask\` sells nothing until the connection says resale_terms: confirmed), and which failures are not billed (bills: false).
 */
import { defineAdapter } from ${text(contract)}

export default defineAdapter({
${Object.entries(head)
  .map(([name, value]) => member(name, value))
  .join('')}  operations: [
${operations.map((operation) => `    ${expanded(operation, 4)},\n`).join('')}  ],
${member('failures', failures)}})
`
}

/** A member a line, however short. */
function expanded(value: object, indent: number): string {
  const inner = ' '.repeat(indent + 2)
  const lines = Object.entries(value).map(([name, member]) => `${inner}${name}: ${literal(member, indent + 2, indent + name.length + 4)},\n`)
  return `{\n${lines.join('')}${' '.repeat(indent)}}`
}
