/**
 * The one path normaliser: what it lets through is what is priced, routed, compared and sent. Whatever two readers could
 * read differently (dot segments, encoded slashes, double encoding, backslashes, empty segments) is refused, not repaired.
 */
import { isRefusal, type Refusal, refuse } from '#contract'

/** A path whose every segment is plain: nothing to decode, nothing to refuse. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:[/;]|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/
/** Also with path parameters: some servers take `..;x` for `..`. */
const DOTS = /^\.{1,2}(?:;|$)/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNSAFE = /[/\\\u0000-\u001f\u007f]|%[0-9A-Fa-f]{2}/
const ENCODED = /%(?:24|26|2B|2C|3A|3B|3D|40)/g

const bad = (what: string): Refusal => refuse('bad_request', what)

export interface SplitTarget {
  readonly path: string
  /** Without its `?`. */
  readonly query: string
}

/** Splits an origin-form request target (RFC 9112 section 3.2.1). */
export function splitTarget(target: string): SplitTarget | Refusal {
  if (!target.startsWith('/')) return bad('the request target must begin with /')
  if (target.includes('#')) return bad('the request target must not contain #')
  const mark = target.indexOf('?')
  return mark === -1 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

/** Decoded segments of a path. */
export function segmentsOf(path: string): readonly string[] | Refusal {
  if (PLAIN.test(path)) return path.slice(1).split('/')
  if (path === '/') return []
  const segments: string[] = []
  for (const raw of path.slice(1).split('/')) {
    const segment = segmentOf(raw)
    if (isRefusal(segment)) return segment
    segments.push(segment)
  }
  return segments
}

function segmentOf(raw: string): string | Refusal {
  if (raw === '') return bad('the path has an empty segment (// or a / at its end)')
  if (!/^[\x21-\x7e]+$/.test(raw)) return bad('the path has a character that must be percent-encoded')
  const segment = decode(raw)
  if (segment === undefined) return bad('the path is not valid percent-encoding')
  if (DOTS.test(segment)) return bad('the path has a dot segment')
  if (UNSAFE.test(segment)) return bad('the path has an encoded slash, backslash, control character or double encoding')
  return segment
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** One way to write a segment, so that equal paths are equal bytes (RFC 3986 pchar stays as it is). */
export const encodeSegment = (segment: string): string => encodeURIComponent(segment).replace(ENCODED, (code) => decodeURIComponent(code))

export type QueryMembers = ReadonlyMap<string, readonly string[]>

const MEMBERS = 100

/** Members of a query in the order they came; form encoding, decoded once. */
export function parseQuery(query: string): QueryMembers | Refusal {
  const members = new Map<string, string[]>()
  if (query === '') return members
  const pairs = query.split('&')
  if (pairs.length > MEMBERS) return bad(`the query has more than ${MEMBERS} members`)
  for (const pair of pairs) {
    if (!/^[\x21-\x7e]+$/.test(pair)) return bad(pair === '' ? 'the query has an empty member' : 'the query has a character that must be percent-encoded')
    const mark = pair.indexOf('=')
    const name = decode((mark === -1 ? pair : pair.slice(0, mark)).replaceAll('+', ' '))
    const value = decode((mark === -1 ? '' : pair.slice(mark + 1)).replaceAll('+', ' '))
    if (name === undefined || value === undefined) return bad('the query is not valid percent-encoding')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(name + value)) return bad('the query has a control character')
    const values = members.get(name)
    if (values === undefined) members.set(name, [value])
    else values.push(value)
  }
  return members
}

/** The canonical query with its `?`, or nothing. */
export function writeQuery(members: QueryMembers): string {
  if (members.size === 0) return ''
  const pairs: string[] = []
  for (const [name, values] of members) for (const value of values) pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  return `?${pairs.join('&')}`
}
