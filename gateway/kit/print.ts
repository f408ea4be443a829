/** Values as the source of a TypeScript or JavaScript file, in the style of the house. */

const WIDTH = 160

/** @param indent columns before the value's lines @param column where the value itself begins */
export function literal(value: unknown, indent = 0, column = indent): string {
  const inline = inLine(value)
  if (column + inline.length + 2 <= WIDTH && !isTable(value) && !/\n/.test(inline)) return inline
  const inner = ' '.repeat(indent + 2)
  const end = ' '.repeat(indent)
  if (Array.isArray(value)) return `[\n${value.map((one) => `${inner}${literal(one, indent + 2)},\n`).join('')}${end}]`
  if (typeof value !== 'object' || value === null) return inline
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const lines = members.map(([name, member]) => {
    const key = `${keyOf(name)}: `
    return `${inner}${key}${literal(member, indent + 2, indent + 2 + key.length)},\n`
  })
  return `{\n${lines.join('')}${end}}`
}

/** Rows of a table stand below each other. */
const isTable = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 1 && value.every((one) => typeof one === 'object' && one !== null && Object.keys(one).length > 1)

function inLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inLine).join(', ')}]`
  if (typeof value === 'string') return text(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return members.length === 0 ? '{}' : `{ ${members.map(([name, member]) => `${keyOf(name)}: ${inLine(member)}`).join(', ')} }`
}

/** `__proto__` as a plain key would set the prototype. */
const keyOf = (name: string): string => (name === '__proto__' ? "['__proto__']" : /^[A-Za-z_$][\w$]*$/.test(name) ? name : text(name))

/** One line of source whatever it holds. */
export function text(value: string): string {
  const escaped = JSON.stringify(value).slice(1, -1).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  const plain = escaped.replaceAll('\\"', '"')
  if (!plain.includes("'")) return `'${plain}'`
  return plain.includes('"') ? `'${plain.replaceAll("'", "\\'")}'` : `"${plain}"`
}

/** Text within a comment of one line. */
export const comment = (value: string): string => value.replaceAll(/\s+/g, ' ').replaceAll('*/', '* /').trim()
