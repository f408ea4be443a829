/** The head of an answer: status line and fields, read strictly (RFC 9112). What is not well formed is no answer. */

/** The provider's answer breaks the protocol. The sentence never holds bytes of it. */
export class MalformedAnswer extends Error {
  override name = 'MalformedAnswer'
}

export interface Head {
  readonly status: number
  /** As it came, from the status line to the last field. */
  readonly bytes: Buffer
  /** Flat list, names and values as they came; an answer may have those of the one before, so nobody changes them. */
  readonly fields: readonly string[]
  readonly version: 0 | 1
  /** Undefined where none is stated. */
  readonly length: number | undefined
  readonly chunked: boolean
  /** `content-encoding` in lower case; undefined for identity. */
  readonly coding: string | undefined
  /** Whether the connection may go on after the answer, as the provider says. */
  readonly persistent: boolean
  /** `keep-alive: timeout=`, in ms. */
  readonly keptMs: number | undefined
}

const CR = 13
const LF = 10
const COLON = 0x3a
const SPACE = 0x20
const TAB = 9

const isTchar = (code: number): boolean => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code))
const TCHAR = Uint8Array.from({ length: 256 }, (_, code) => (code < 128 && isTchar(code) ? 1 : 0))
const VALUE = Uint8Array.from({ length: 256 }, (_, code) => (code === TAB || (code >= SPACE && code !== 0x7f) ? 1 : 0))

/** HTTP/1.0 or 1.1, a status from 100 to 599, a reason or none. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/

/**
 * @param bytes up to and without the empty line, with the CRLF of the last field
 * @param before fields of the answer before on this connection: what is written the same way needs no second look
 */
export function readHead(bytes: Buffer, before: readonly string[] = NO_FIELDS): Head {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n')
  const line = STATUS_LINE.exec(text.slice(0, end))
  if (line === null) throw new MalformedAnswer('the status line of the answer is malformed')
  const fields = readFields(text, end + 2, before)
  const version = line[1] === '1' ? 1 : 0
  const { length, chunked, coding, persistent, keptMs } = framing(fields, version)
  return { status: Number(line[2]), bytes, fields, version, length, chunked, coding, persistent, keptMs }
}

const NO_FIELDS: readonly string[] = []

/** Fields from `start` on, each ended by CRLF; also those of trailers. Text is Latin-1. */
export function readFields(text: string, start: number, before: readonly string[] = NO_FIELDS): string[] {
  const fields: string[] = []
  let at = start
  while (at < text.length) {
    const known = before[fields.length]
    const name = known !== undefined && text.startsWith(known, at) && text.charCodeAt(at + known.length) === COLON ? known : nameAt(text, at)
    at += name.length + 1
    while (isBlank(text.charCodeAt(at))) at += 1
    const same = before[fields.length + 1]
    const value = same !== undefined && text.startsWith(same, at) && text.charCodeAt(at + same.length) === CR ? same : valueAt(text, at)
    at += value.length
    while (isBlank(text.charCodeAt(at))) at += 1
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) throw new MalformedAnswer('the value of a field of the answer is malformed')
    fields.push(name, value)
    at += 2
  }
  return fields
}

function nameAt(text: string, from: number): string {
  let at = from
  while (TCHAR[text.charCodeAt(at)] === 1) at += 1
  if (at === from || text.charCodeAt(at) !== COLON) throw new MalformedAnswer('the name of a field of the answer is malformed')
  return text.slice(from, at)
}

/** Without blanks behind it. */
function valueAt(text: string, from: number): string {
  let at = from
  while (VALUE[text.charCodeAt(at)] === 1) at += 1
  while (at > from && isBlank(text.charCodeAt(at - 1))) at -= 1
  return text.slice(from, at)
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB

type Framing = Pick<Head, 'version' | 'length' | 'chunked' | 'coding' | 'persistent' | 'keptMs'>
type Draft = { -readonly [Name in keyof Framing]: Framing[Name] }

function framing(fields: readonly string[], version: 0 | 1): Framing {
  const draft: Draft = { version, length: undefined, chunked: false, coding: undefined, persistent: version === 1, keptMs: undefined }
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    // Few lengths matter.
    switch (name.length) {
      case 10:
      case 14:
      case 16:
      case 17:
        frame(draft, name.toLowerCase(), fields[at + 1] as string)
    }
  }
  if (draft.chunked && draft.length !== undefined) throw new MalformedAnswer('the answer states a length beside chunked')
  if (draft.chunked && version === 0) throw new MalformedAnswer('the answer is chunked in HTTP/1.0')
  return draft
}

function frame(draft: Draft, name: string, field: string): void {
  switch (name) {
    case 'connection': {
      const options = field.toLowerCase()
      if (options !== 'keep-alive' && options.split(',').some((option) => option.trim() === 'close')) draft.persistent = false
      return
    }
    case 'keep-alive': {
      const seconds = /(?:^|[\s,])timeout=(\d{1,6})(?:$|[\s,])/i.exec(field)?.[1]
      if (seconds !== undefined) draft.keptMs = Number(seconds) * 1000
      return
    }
    case 'content-length': {
      if (draft.length !== undefined) throw new MalformedAnswer('the answer states its length twice')
      if (!/^\d{1,15}$/.test(field)) throw new MalformedAnswer('the length of the answer is no number')
      draft.length = Number(field)
      return
    }
    case 'content-encoding': {
      const coding = field.toLowerCase()
      if (coding !== 'identity' && coding !== '') draft.coding = draft.coding === undefined ? coding : `${draft.coding},${coding}`
      return
    }
    case 'transfer-encoding':
      if (draft.chunked || field.toLowerCase() !== 'chunked') throw new MalformedAnswer('the answer has a transfer coding other than chunked')
      draft.chunked = true
  }
}
