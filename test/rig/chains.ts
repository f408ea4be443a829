/** The real plugins in a chain, with settings written as in YAML. */

import type { Hooks, Plugin, PluginPorts } from '#contract'
import { Complaints, formatComplaint, START } from '../../config/complaints.ts'
import { decodeSettings } from '../../config/decode.ts'
import { parseYaml } from '../../config/yaml.ts'
import type { Link } from '../../gateway/engine/index.ts'
import abuseDetect from '../../plugins/abuse-detect.ts'
import auth from '../../plugins/auth.ts'
import markupBilling from '../../plugins/markup-billing.ts'
import quotaReserve from '../../plugins/quota-reserve.ts'
import rateLimit from '../../plugins/rate-limit.ts'
import x402Payment from '../../plugins/x402-payment.ts'

export const PAY_TO = '0x209693bc6afc0c5328ba36faf03c514ef312287c'

/** Finished values, as `create` gets them. @throws Error with the complaints */
export function settingsOf({ name, settings }: Plugin, text = ''): Readonly<Record<string, unknown>> {
  const complaints = new Complaints(name, text)
  const node = text === '' ? undefined : parseYaml(text, complaints)
  const values = decodeSettings(settings, node, { complaints, of: name, where: START })
  if (complaints.problems.length > 0) throw new Error(complaints.problems.map(formatComplaint).join('\n'))
  return values as Readonly<Record<string, unknown>>
}

export const linkOf = (plugin: Plugin, text = ''): Link => ({ name: plugin.name, plugin, settings: settingsOf(plugin, text) })

const OPEN: Readonly<Record<string, string>> = {
  'rate-limit': 'per_consumer: 1000000/second\nburst: 1000000',
  'x402-payment': `pay_to: "${PAY_TO}"`,
}

/** The default order (config/chain.ts), with no pace that a test could meet; `texts` are settings by plugin. */
export const realChain = (texts: Readonly<Record<string, string>> = {}): Link[] =>
  ([auth, abuseDetect, rateLimit, markupBilling, x402Payment, quotaReserve] as readonly Plugin[]).map((plugin) =>
    linkOf(plugin, texts[plugin.name] ?? OPEN[plugin.name]),
  )

/** The same chain with hooks of one plugin replaced. */
export const withHooks = (links: readonly Link[], name: string, change: (hooks: Hooks) => Hooks): Link[] =>
  links.map((link) => {
    if (link.name !== name) return link
    const { plugin } = link
    return { ...link, plugin: { ...plugin, create: (settings: never, ports: PluginPorts) => change(plugin.create(settings, ports)) } }
  })
