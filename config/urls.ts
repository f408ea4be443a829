/** URLs that the gateway will call: what may be plain http, and what may not be in them. */

import { isIP } from 'node:net'
import { isPrivateAddress } from '#contract'
import type { Complaints } from './complaints.ts'
import { type Node, shown } from './yaml.ts'

/** A dot at its end names the same host. */
const bare = (host: string): string => host.replace(/^\[|\]$|\.+$/g, '').toLowerCase()

export function isLoopback(host: string): boolean {
  const name = bare(host)
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

/** Private as far as its text tells; what a name leads to is known only when it is called. */
function isPrivate(host: string): boolean {
  const name = bare(host)
  return isLoopback(name) || (isIP(name) !== 0 && isPrivateAddress(name))
}

export interface UrlRules {
  /** `upstream.allow_private` */
  readonly allowPrivate: boolean
  /** Facilitators and nodes may be on this machine in sandbox mode. */
  readonly loopback?: boolean
  /** The base of an API: nothing but scheme, host and path. */
  readonly base?: boolean
}

/** The URL, or undefined after a complaint. Its text is not printed where it may hold a password. */
export function readUrl(name: string, text: string, node: Node, rules: UrlRules, complaints: Complaints): URL | undefined {
  const wrong = (what: string): undefined => complaints.error(node, `${name} ${what}`)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:\/\//i.test(text) || /\s/.test(text))
    return wrong(`is no URL; expected one such as https://${rules.base === true ? 'api.acme.example/v1' : 'host.example/path'}`)
  if (url.username !== '' || url.password !== '') return wrong('holds a user or password; expected the URL alone, and the credential in api_key')
  if (rules.base === true && (url.search !== '' || text.includes('?'))) return wrong('holds a query; expected scheme, host and path alone')
  if (url.hash !== '' || text.includes('#')) return wrong('holds a fragment; expected scheme, host and path alone')
  if (rules.allowPrivate && url.protocol === 'http:' && isIP(bare(url.hostname)) !== 0 && !isPrivate(url.hostname))
    return wrong(`sends plain http to the public address ${shown(node, url.hostname)}; expected https://`)
  if (rules.allowPrivate || (rules.loopback === true && isLoopback(url.hostname))) return url
  if (url.protocol === 'http:') return wrong(`is plain http, which needs upstream.allow_private: true; expected https://${shown(node, url.host)}`)
  if (isPrivate(url.hostname)) return wrong(`leads to the private address ${shown(node, url.hostname)}; expected a public one, or upstream.allow_private: true`)
  return url
}
