/** Proof before the first request that every fact has a giver and that no two facts need each other. */

import type { Plugin } from '#contract'
import { type Complaints, list, type Placed } from './complaints.ts'

/** The engine asks for these in every call, whatever the chain. */
const ENGINE_NEEDS = ['consumer', 'supply', 'price'] as const

export interface Giver {
  readonly plugin: Plugin
  readonly at: Placed
}

/** @param installed all plugins that were found, to say which one to add */
export function checkFacts(chain: readonly Giver[], whole: Placed, installed: ReadonlyMap<string, Plugin>, complaints: Complaints): void {
  const givers = new Map<string, Giver>()
  for (const giver of chain) {
    for (const fact of Object.keys(giver.plugin.gives ?? {})) {
      const before = givers.get(fact)
      if (before === undefined) givers.set(fact, giver)
      else complaints.error(giver.at, `plugin ${giver.plugin.name} gives ${fact}, which ${before.plugin.name} of this chain gives, too; expected one giver`)
    }
  }
  const add = (fact: string): string => {
    const names = [...installed.values()].filter((plugin) => Object.hasOwn(plugin.gives ?? {}, fact)).map((plugin) => plugin.name)
    return names.length === 0 ? 'no plugin that is installed gives it' : `add ${list(names.sort())}`
  }
  const asked = new Set<string>()
  for (const { plugin, at } of chain) {
    for (const fact of needsOf(plugin)) {
      if (givers.has(fact)) continue
      asked.add(fact)
      complaints.missing(at, `plugin ${plugin.name} needs ${fact}, which no plugin of this chain gives; ${add(fact)}`)
    }
  }
  // A fact that a plugin already asked for in vain is not said again for the engine.
  for (const fact of ENGINE_NEEDS)
    if (!givers.has(fact) && !asked.has(fact)) complaints.missing(whole, `the gateway needs ${fact}, which no plugin of this chain gives; ${add(fact)}`)
  checkCircles(givers, complaints)
}

/** Those that must be there; `price?` is used where somebody gives it. */
function needsOf({ needs = [], gives = {} }: Plugin): Set<string> {
  return new Set([...needs, ...Object.values(gives).flat()].filter((need) => !need.endsWith('?')))
}

function checkCircles(givers: ReadonlyMap<string, Giver>, complaints: Complaints): void {
  const done = new Set<string>()
  const visit = (fact: string, path: readonly string[]): undefined => {
    const giver = givers.get(fact)
    if (giver === undefined || done.has(fact)) return undefined
    const start = path.indexOf(fact)
    if (start !== -1)
      return complaints.error(
        giver.at,
        `facts need each other in a circle: ${[...path.slice(start), fact].join(' -> ')}; expected one of them to be given without the others`,
      )
    for (const need of giver.plugin.gives?.[fact] ?? []) visit(need.replace(/\?$/, ''), [...path, fact])
    done.add(fact)
  }
  for (const fact of givers.keys()) visit(fact, [])
}
