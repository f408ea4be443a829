/** What a changed configuration means for the chain. What is the same for all routes is told once. */
import type { Chain, GatewayConfig } from '../../config/model.ts'
import type { Change } from './difference.ts'
import { same, settingsShown } from './difference-values.ts'

export function chainChanges(from: GatewayConfig, to: GatewayConfig): Change[] {
  const before = new Map(from.routes.map(({ prefix, chain }) => [prefix, chain]))
  const told = new Map<string, { readonly change: Change; readonly routes: string[] }>()
  const common = to.routes.filter(({ prefix }) => before.has(prefix))
  for (const { prefix, chain } of common) {
    for (const change of between(before.get(prefix) as Chain, chain)) {
      const key = JSON.stringify(change)
      const found = told.get(key) ?? { change, routes: [] }
      found.routes.push(prefix)
      told.set(key, found)
    }
  }
  return [...told.values()].map(({ change, routes }) => (routes.length === common.length ? change : { ...change, of: `${change.of} of ${routes.join(', ')}` }))
}

function between(before: Chain, after: Chain): Change[] {
  const was = new Map(before.map((link) => [link.name, link]))
  const is = new Map(after.map((link) => [link.name, link]))
  const changes = [...new Set([...was.keys(), ...is.keys()])].flatMap((name): Change[] => {
    const [old, now] = [was.get(name), is.get(name)]
    if (old === undefined || now === undefined) {
      return [{ area: 'plugins', of: name, what: 'in the chain', before: old === undefined ? null : 'yes', after: now === undefined ? null : 'yes' }]
    }
    const [a, b] = [new Map(settingsShown(old.plugin.settings, old.settings)), new Map(settingsShown(now.plugin.settings, now.settings))]
    return [...new Set([...a.keys(), ...b.keys()])].flatMap((what): Change[] => {
      const [one, other] = [a.get(what) ?? null, b.get(what) ?? null]
      return same(one, other) ? [] : [{ area: 'plugins', of: name, what, before: one, after: other }]
    })
  })
  const order = (chain: Chain): string => chain.map(({ name }) => name).join(', ')
  const isReordered = changes.every(({ what }) => what !== 'in the chain') && order(before) !== order(after)
  return isReordered ? [...changes, { area: 'plugins', of: 'chain', what: 'order', before: order(before), after: order(after) }] : changes
}
