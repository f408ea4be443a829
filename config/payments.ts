/** Settings about payments, in whichever plugin they stand: a mistake here shows only when somebody has paid. */

import { chainIdOf, findNetwork, networks } from '#contract'
import type { ChainScope, Link } from './chain.ts'
import { hint } from './complaints.ts'
import { readUrl } from './urls.ts'
import { childOf, type Node, shown } from './yaml.ts'

/** No play money in live mode, nothing in clear text beyond this machine, no network whose token nobody knows. */
export function checkPayments(link: Link, settings: Readonly<Record<string, unknown>>, { complaints, mode, allowPrivate }: ChainScope): void {
  for (const name of ['facilitator', 'rpc']) {
    for (const { text, node } of textsOf(name, link, settings)) {
      if (name === 'rpc' || text !== 'sandbox') {
        if (node !== undefined) readUrl(name, text, node, { allowPrivate, loopback: mode === 'sandbox' }, complaints)
      } else if (mode === 'live') complaints.error(node ?? link.at, `facilitator sandbox of ${link.name} takes play money; expected a URL in live mode`)
    }
  }
  const given = settings.asset !== undefined
  for (const { text, node } of textsOf('network', link, settings)) {
    const network = findNetwork(text)
    const place = node ?? link.at
    if (network === undefined && chainIdOf(text) === undefined)
      complaints.error(place, `unknown network ${shown(node, text)}; ${hint(text, Object.keys(networks))}; others are written as eip155:CHAIN_ID, with asset`)
    else if (network?.usdc === undefined && !given && childOf(link.settings, 'asset') === undefined)
      complaints.missing(place, `the USDC of network ${shown(node, text)} is not known; expected asset: { address, name, version, decimals }`)
  }
}

function textsOf(name: string, link: Link, settings: Readonly<Record<string, unknown>>): { text: string; node: Node | undefined }[] {
  const written = childOf(link.settings, name)
  const texts = [settings[name]].flat().filter((text) => typeof text === 'string')
  return texts.map((text, index) => ({ text, node: written?.kind === 'list' ? written.items[index] : written }))
}
