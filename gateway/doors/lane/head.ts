/**
 * The heads that the lane reads by itself: those that can be read in one way only, by anybody. What is not written that plainly
 * is not refused here; it is for node:http and for the judgement in `doors/head.ts`, which finds nothing against any of these.
 */
import { isHost } from '../head.ts'

export interface PlainHead {
  readonly method: string
  /** A path with or without a query. */
  readonly target: string
  /** Flat list, names and values as they came. */
  readonly fields: readonly string[]
  /** The names in lower case, each once. */
  readonly names: readonly string[]
  /** Of the body, in bytes. */
  readonly length: number
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const [CR, LF, COLON, SPACE] = [13, 10, 0x3a, 0x20]

const table = (characters: RegExp): Uint8Array => Uint8Array.from({ length: 256 }, (_, code) => (characters.test(String.fromCharCode(code)) ? 1 : 0))
/** RFC 9110 section 5.6.2 */
const NAME = table(/^[!#$%&'*+.^_`|~0-9A-Za-z-]$/)
const VALUE = table(/^[\x20-\x7e]$/)
/** The same for long ones, payments above all: to be called costs it as much as a few characters, and each of them a quarter. */
const LONG_VALUE = /[\x20-\x7e]*/y
const SHORT = 64
/** What RFC 3986 has in a path or a query. */
const TARGET = table(/^[A-Za-z0-9._~!$&'()*+,;=:@%/?-]$/)

/** Fields that say how the message is framed or connected, or that node:http answers by itself. */
const NOT_PLAIN: ReadonlySet<string> = new Set([
  ...['transfer-encoding', 'trailer', 'te', 'expect', 'upgrade', 'keep-alive', 'proxy-connection', 'http2-settings'],
  ...['origin', 'access-control-request-method'],
])

/** Names as they were sent -> in lower case; empty where nothing that has them is plain. Clients spell the same few in every request. */
const spelled = new Map<string, string>()
const SPELLED = 1000

function lowerOf(name: string): string {
  let found = spelled.get(name)
  if (found === undefined) {
    const lower = name.toLowerCase()
    found = NOT_PLAIN.has(lower) ? '' : lower
    if (spelled.size < SPELLED) spelled.set(name, found)
  }
  return found
}

/** Hosts come again, too. */
let goodHost = ''

function hostIsGood(host: string): boolean {
  if (host === goodHost) return true
  if (!isHost(host)) return false
  goodHost = host
  return true
}

/**
 * @param text the head in Latin-1, up to and with the empty line
 * @param before the request before on this connection: most of the next one is written the same way, and what is needs no second look
 * @returns undefined where it is not plain, or has more than `most` fields
 */
export function plainHead(text: string, most: number, before: PlainHead | undefined): PlainHead | undefined {
  const method = METHODS.find((name) => text.startsWith(name) && text.charCodeAt(name.length) === SPACE)
  if (method === undefined) return undefined
  const start = method.length + 1
  let at = start
  while (TARGET[text.charCodeAt(at)] === 1) at += 1
  if (text.charCodeAt(start) !== 0x2f || !text.startsWith(' HTTP/1.1\r\n', at)) return undefined
  const fields: string[] = []
  const names: string[] = []
  if (!readFields(text, at + 11, fields, names, before) || names.length > most) return undefined
  const length = lengthOf(fields, names)
  return length === undefined ? undefined : { method, target: text.slice(start, at), fields, names, length }
}

/** Each `name: value`, with one space between, none behind, and no name twice. */
function readFields(text: string, from: number, fields: string[], names: string[], before: PlainHead | undefined): boolean {
  let at = from
  for (let index = 0; text.charCodeAt(at) !== CR; index += 1) {
    let name = before?.fields[index * 2]
    let lower: string
    if (name !== undefined && text.startsWith(name, at) && text.charCodeAt(at + name.length) === COLON) lower = before?.names[index] as string
    else {
      name = nameAt(text, at)
      lower = lowerOf(name)
    }
    at += name.length
    if (lower === '' || names.includes(lower) || text.charCodeAt(at) !== COLON || text.charCodeAt(at + 1) !== SPACE) return false
    at += 2
    let value = before?.fields[index * 2 + 1]
    if (value === undefined || !text.startsWith(value, at) || text.charCodeAt(at + value.length) !== CR) value = valueAt(text, at)
    at += value.length
    if (value === '' || text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) return false
    fields.push(name, value)
    names.push(lower)
    at += 2
  }
  return true
}

function nameAt(text: string, from: number): string {
  let at = from
  while (NAME[text.charCodeAt(at)] === 1) at += 1
  return text.slice(from, at)
}

/** Empty where it begins or ends with a space, too. */
function valueAt(text: string, from: number): string {
  const at = valueEnd(text, from)
  return text.charCodeAt(from) === SPACE || text.charCodeAt(at - 1) === SPACE ? '' : text.slice(from, at)
}

function valueEnd(text: string, from: number): number {
  let at = from
  for (const near = from + SHORT; at < near; at += 1) if (VALUE[text.charCodeAt(at)] !== 1) return at
  LONG_VALUE.lastIndex = at
  LONG_VALUE.test(text)
  return LONG_VALUE.lastIndex
}

/** Of the body; undefined where the request is for another host, or another connection comes after it. */
function lengthOf(fields: readonly string[], names: readonly string[]): number | undefined {
  let length = 0
  let host = false
  for (let at = 0; at < names.length; at += 1) {
    const value = fields[at * 2 + 1] as string
    switch (names[at]) {
      case 'host':
        if (!hostIsGood(value)) return undefined
        host = true
        break
      case 'content-length':
        if (!/^\d{1,7}$/.test(value)) return undefined
        length = Number(value)
        break
      case 'connection':
        if (value !== 'keep-alive') return undefined
    }
  }
  return host ? length : undefined
}
