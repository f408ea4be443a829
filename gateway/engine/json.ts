/** Reads a JSON object that a price may depend on: one meaning only, so repeated members are refused (RFC 8259 section 4). */
import { isUtf8 } from 'node:buffer'

export type JsonObject = Readonly<Record<string, unknown>>

const DEPTH = 64

/** The object, or a sentence that says what is wrong with it. */
export function readJsonObject(body: Uint8Array): JsonObject | string {
  if (!isUtf8(body)) return 'the body is not UTF-8'
  const text = (body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)).toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'the body is not valid JSON'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the body must be a JSON object'
  return repeatedMember(text) ?? (value as JsonObject)
}

/** Few objects have more members: looking through a short list is quicker than a set. */
const MANY = 16

/** Walks text that JSON.parse has accepted; undefined when every object names each member once. */
function repeatedMember(text: string): string | undefined {
  const objects: (Names | undefined)[] = []
  let key = false
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        objects.push(new Names())
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
          const name = nameIn(text, at, end)
          if (objects.at(-1)?.has(name) === true) return `the body names ${JSON.stringify(name.slice(0, 40))} twice`
          key = false
        }
        at = end
      }
    }
    if (objects.length > DEPTH) return `the body is nested deeper than ${DEPTH}`
  }
  return undefined
}

/** Without an escape the name is what stands there. */
function nameIn(text: string, start: number, end: number): string {
  const name = text.slice(start + 1, end)
  return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name
}

class Names {
  readonly #few: string[] = []
  #many: Set<string> | undefined

  /** Whether it was there before; now it is. */
  has(name: string): boolean {
    if (this.#many === undefined && this.#few.length === MANY) this.#many = new Set(this.#few)
    const had = this.#many?.has(name) ?? this.#few.includes(name)
    if (this.#many !== undefined) this.#many.add(name)
    else if (!had) this.#few.push(name)
    return had
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  for (let code = text.charCodeAt(at); code !== 0x22; code = text.charCodeAt(at)) at += code === 0x5c ? 2 : 1
  return at
}
