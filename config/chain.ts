/** Chains: the plugins of a list in its order, each with finished settings, proved to have all the facts that they need. */

import type { Plugin } from '#contract'
import { type Complaints, hint, type Placed, START } from './complaints.ts'
import { decodeSettings } from './decode.ts'
import { checkFacts } from './facts.ts'
import type { Chain } from './model.ts'
import { checkPayments } from './payments.ts'
import { childOf, type ListNode, type MapNode, type Node } from './yaml.ts'

export interface ChainScope {
  readonly complaints: Complaints
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly mode: 'sandbox' | 'live'
  readonly allowPrivate: boolean
  /** Ids of all operations that are configured; undefined where a connection was complained about. */
  readonly operations: ReadonlySet<string> | undefined
}

/** One item of a list of plugins, its settings not yet read. */
export interface Link {
  readonly name: string
  readonly plugin: Plugin
  readonly at: Placed
  readonly settings: MapNode | undefined
}

export interface Draft {
  readonly links: readonly Link[]
  /** Where to say what the whole list lacks. */
  readonly at: Placed
  /** False where an item was complained about: then facts may seem to lack. */
  readonly whole: boolean
}

/** The order for a file without `plugins:`. */
const DEFAULT = ['auth', 'abuse-detect', 'rate-limit', 'markup-billing', 'x402-payment', 'quota-reserve'] as const

/** What a sandbox pays with when nothing is written; play money needs no wallet of the operator's. */
const PLAY: Readonly<Record<string, string>> = { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C', network: 'base-sepolia', facilitator: 'sandbox' }

/**
 * The default chain holds every plugin that needs nothing written. x402-payment needs a wallet: a sandbox lends it one,
 * while in live mode it is left out with a warning, since guessing who is paid would be worse than selling by credits only.
 */
export function defaultChain({ plugins, mode, complaints }: ChainScope): Draft {
  const links: Link[] = []
  for (const name of DEFAULT) {
    const plugin = plugins.get(name)
    if (plugin === undefined) continue
    const missing = Object.entries(plugin.settings).flatMap(([setting, { default: value, optional }]) =>
      value === undefined && optional !== true ? [setting] : [],
    )
    const lent = mode === 'sandbox' && missing.every((setting) => PLAY[setting] !== undefined)
    if (missing.length === 0 || lent) links.push({ name, plugin, at: START, settings: missing.length === 0 ? undefined : playSettings(missing) })
    else complaints.warn(START, `plugin ${name} is left out of the default chain, since it needs ${missing.join(', ')}; write plugins: with it to have it`)
  }
  return { links, at: START, whole: true }
}

const playSettings = (names: readonly string[]): MapNode => ({
  kind: 'map',
  at: 0,
  entries: new Map(
    names.map((name) => {
      const text = PLAY[name] as string
      return [name, { key: { at: 0, name }, value: { kind: 'scalar', at: 0, raw: text, text, value: text, fromReference: false, fromOutside: false } }]
    }),
  ),
})

export function readChain(list: ListNode, at: Placed, { plugins, complaints }: ChainScope): Draft {
  const links: Link[] = []
  let whole = true
  for (const item of list.items) {
    const link = complaints.spoiled(item) ? undefined : readLink(item, plugins)
    const before = links.find(({ name }) => name === link?.name)
    if (link !== undefined && before !== undefined)
      complaints.error(link.at, `plugin ${link.name} is in the chain twice; the first is in line ${complaints.place(before.at.at).line}`)
    else if (link !== undefined) links.push(link)
    else whole = false
  }
  return { links, at, whole }
}

/** Undefined for what the schema has complained about. */
function readLink(item: Node, plugins: ReadonlyMap<string, Plugin>): Link | undefined {
  const [name, at, settings] = item.kind === 'map' ? firstOf(item) : [item.kind === 'scalar' ? item.text : '', item, undefined]
  const plugin = plugins.get(name)
  if (plugin === undefined) return undefined
  return { name, plugin, at, settings: settings?.kind === 'map' ? settings : undefined }
}

const firstOf = ({ entries }: MapNode): [string, Placed, Node | undefined] => {
  const first = [...entries.values()][0]
  return first === undefined ? ['', START, undefined] : [first.key.name, first.key, first.value]
}

/** Settings of single plugins, laid over those of the chain. */
export function override(draft: Draft, overrides: MapNode, complaints: Complaints): Draft {
  for (const { key } of overrides.entries.values()) {
    const names = draft.links.map(({ name }) => name)
    if (draft.whole && !names.includes(key.name))
      complaints.error(key, `overrides name ${key.name}, which is not in the chain of this route; ${hint(key.name, names)}`)
  }
  return { ...draft, links: draft.links.map((link) => lay(link, childOf(overrides, link.name))) }
}

function lay(link: Link, over: Node | undefined): Link {
  if (over?.kind !== 'map') return link
  return { ...link, settings: { kind: 'map', at: over.at, entries: new Map([...(link.settings?.entries ?? []), ...over.entries]) } }
}

export function finishChain(draft: Draft, scope: ChainScope): Chain {
  const { complaints, plugins } = scope
  if (draft.whole) checkFacts(draft.links, draft.at, plugins, complaints)
  return draft.links.map((link) => {
    const { name, plugin, at, settings: node } = link
    const settings = decodeSettings(plugin.settings, node, { complaints, of: name, where: at }) as Readonly<Record<string, unknown>>
    checkPayments(link, settings, scope)
    checkOperations(link, scope)
    return { name, plugin, settings, ...complaints.place(at.at) }
  })
}

/** What a plugin says of an operation that nobody has would limit nothing, in silence. */
function checkOperations({ name: of, plugin, settings }: Link, { complaints, operations }: ChainScope): void {
  if (operations === undefined || settings === undefined) return
  for (const [name, setting] of Object.entries(plugin.settings)) {
    const table = setting.type === 'table' && setting.keys === 'operations' ? childOf(settings, name) : undefined
    if (table?.kind !== 'map') continue
    for (const { key } of table.entries.values())
      if (!operations.has(key.name)) complaints.error(key, `unknown operation ${key.name} in ${name} of ${of}; ${hint(key.name, operations)}`)
  }
}
