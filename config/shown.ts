/**
 * The text of a configuration as it may be shown: every credential that stands in it literally is masked, by the names of settings,
 * by what URLs carry, and by its look; in comments, too. Masking too much costs a look into the file; too little, a key.
 */

import type { Node } from './yaml.ts'

export const MASK = '•••'

/** Settings whose value is a credential, whichever plugin they belong to. */
const SECRET = /(?:^|_)(?:key|token|secret|password|passphrase|signer|mnemonic|auth|authorization)$/i
/** They end like one and are files, or say where a credential goes. */
const PLAIN = /^(?:key_file|key)$/i
/** A whole URL is a credential for whoever is told it: all of it behind the host. */
const SECRET_URL = /^(?:rpc|webhook|url|notify)$/i

const REFERENCES = /\$\{(\w+)(?::-([^}]*))?\}/g
/** What looks like a key wherever it stands: private keys, keys of consumers, signing secrets. */
const LOOKS = /\b0x[0-9a-f]{64}\b|\b[0-9a-f]{64}\b|\batlas_[\w-]{20,}|\bwhsec_[\w+/=-]{10,}/gi
const URLS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@"'{}]*@)?([^\s/?#"'{}]*)([^\s"'{},]*)/gi
/** `name: value` in a comment, where nobody has parsed it. */
const IN_COMMENT = /([\w-]+)(["']?\s*:\s*)("[^"]*"|'[^']*'|[^\s,}#]+)/g

/** Longer values and comments are no settings that anybody reads. */
const LONGEST = 4096

interface Span {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** `root`: of the same text; undefined where it could not be parsed, and then nothing of it is shown. */
export function shownText(text: string, root: Node | undefined): string {
  if (root === undefined) return ''
  const spans: Span[] = []
  maskBelow(root, '', '', spans)
  const masked = apply(text, spans)
  return masked.split('\n').map(inComment).join('\n').replace(LOOKS, MASK)
}

function maskBelow(node: Node, name: string, above: string, spans: Span[]): void {
  if (node.kind === 'map') for (const [key, { value }] of node.entries) maskBelow(value, key, name, spans)
  else if (node.kind === 'list') for (const item of node.items) maskBelow(item, name, above, spans)
  else if (node.span !== undefined) {
    const [from, to] = node.span
    const masked = maskedValue(name, above, node.raw)
    if (masked !== node.raw) spans.push({ from, to, text: masked })
  }
}

const isSecret = (name: string, above: string): boolean => SECRET.test(name) && !(PLAIN.test(name) && (name !== 'key' || /tls$/.test(above)))

/** References stay, since they say where a value comes from; what they say in its place does not. */
function maskedValue(name: string, above: string, raw: string): string {
  if (raw.length > LONGEST) return MASK
  if (raw === '' || /^vault:[\w.-]*$/.test(raw)) return raw
  if (isSecret(name, above)) return isReference(raw) ? raw.replace(REFERENCES, withoutDefault) : MASK
  return maskedUrls(raw, SECRET_URL.test(name))
}

const isReference = (raw: string): boolean => raw.replace(REFERENCES, '') === ''

function withoutDefault(_: string, variable: string, instead: string | undefined): string {
  const open = '$' + '{'
  if (instead === undefined) return `${open}${variable}}`
  return `${open}${variable}:-${instead === '' || /^vault:[\w.-]*$/.test(instead) ? instead : MASK}}`
}

/** Who logs in, and what is asked; where the path is a capability, that as well. */
const maskedUrls = (raw: string, isCapability: boolean): string =>
  raw.replace(URLS, (_, scheme: string, login: string | undefined, host: string, rest: string) => {
    const [path = '', query] = rest.split(/[?#]/, 2)
    const shownPath = isCapability && path.replace(/\/+$/, '') !== '' ? `/${MASK}` : path
    return `${scheme}${login === undefined ? '' : `${MASK}@`}${host}${shownPath}${query === undefined ? '' : `?${MASK}`}`
  })

function inComment(line: string): string {
  const at = line.search(/(?:^|\s)#/)
  if (at === -1) return line
  if (line.length > LONGEST) return `${line.slice(0, line.indexOf('#', at))}# ${MASK}`
  const comment = line.slice(at).replace(IN_COMMENT, (whole, name: string, between: string, value: string) => {
    const bare = value.replace(/^["']|["']$/g, '')
    const masked = maskedValue(name, '', bare)
    return masked === bare ? whole : `${name}${between}${masked}`
  })
  return line.slice(0, at) + maskedUrls(comment, false)
}

/** From the end, so that places stay; a node that an alias repeats is masked once. */
function apply(text: string, spans: readonly Span[]): string {
  let masked = text
  let before = Number.POSITIVE_INFINITY
  for (const { from, to, text: instead } of [...spans].sort((a, b) => b.from - a.from)) {
    if (to > before) continue
    masked = masked.slice(0, from) + instead + masked.slice(to)
    before = from
  }
  return masked
}
