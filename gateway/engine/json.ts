/** Reads a JSON object that a price may depend on: one meaning only, so repeated members are refused (RFC 8259 section 4). */
import { isUtf8 } from 'node:buffer'

export type JsonObject = Readonly<Record<string, unknown>>

const DEPTH = 64

/** The object, or a sentence that says what is wrong with it. */
export function readJsonObject(body: Uint8Array): JsonObject | string {
  if (!isUtf8(body)) return 'the body is not UTF-8'
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'the body is not valid JSON'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the body must be a JSON object'
  return repeatedMember(text) ?? (value as JsonObject)
}

/** Walks text that JSON.parse has accepted; undefined when every object names each member once. */
function repeatedMember(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []
  let key = false
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        objects.push(new Set())
        key = true
        break
      case 0x5b: // [
        objects.push(undefined)
        key = false
        break
      case 0x7d: // }
      case 0x5d: // ]
        objects.pop()
        key = false
        break
      case 0x2c: // ,
        key = objects.at(-1) !== undefined
        break
      case 0x22: {
        const end = endOfString(text, at)
        if (key) {
          const name = JSON.parse(text.slice(at, end + 1)) as string
          const names = objects.at(-1)
          if (names?.has(name)) return `the body names ${JSON.stringify(name.slice(0, 40))} twice`
          names?.add(name)
          key = false
        }
        at = end
      }
    }
    if (objects.length > DEPTH) return `the body is nested deeper than ${DEPTH}`
  }
  return undefined
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}
