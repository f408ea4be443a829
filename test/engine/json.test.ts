/** A body that a price may depend on has one meaning: what JSON.parse reads, and no member twice. */

import fc from 'fast-check'
import t from 'tap'
import { readJsonObject } from '../../gateway/engine/json.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 2000 }
const read = (text: string): unknown => readJsonObject(Buffer.from(text))

type Tree = string | { readonly list: readonly Tree[] } | { readonly members: readonly (readonly [string, Tree])[] }

/** JSON with members that may repeat, which a value cannot have. */
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    fc.oneof(
      fc.constantFrom('1', '-0.5e3', 'true', 'null'),
      fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ',', ':', 'é') }).map((text) => JSON.stringify(text)),
    ),
    fc.record({ list: fc.array(tie('tree'), { maxLength: 3 }) }),
    fc.record({ members: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'ab', '"', '\\', '__proto__', ''), tie('tree')), { maxLength: 4 }) }),
  ),
}))

const isList = (tree: Tree): tree is { readonly list: readonly Tree[] } => typeof tree === 'object' && 'list' in tree

function repeats(tree: Tree): boolean {
  if (typeof tree === 'string') return false
  if (isList(tree)) return tree.list.some(repeats)
  const names = tree.members.map(([name]) => name)
  return new Set(names).size < names.length || tree.members.some(([, value]) => repeats(value))
}

/** Every character of a name may be written as itself or escaped. */
const named = (name: string, escaped: boolean): string =>
  escaped ? `"${[...name].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"` : JSON.stringify(name)

function write(tree: Tree, space: string, escaped: () => boolean): string {
  if (typeof tree === 'string') return tree
  if (isList(tree)) return `[${space}${tree.list.map((value) => write(value, space, escaped)).join(`${space},`)}${space}]`
  const members = tree.members.map(([name, value]) => `${space}${named(name, escaped())}${space}:${space}${write(value, space, escaped)}`)
  return `{${members.join(`${space},`)}${space}}`
}

t.test('a body is read as JSON.parse reads it, or refused because some member stands twice, also written with escapes', async () => {
  let repeated = 0
  fc.assert(
    fc.property(tree, fc.constantFrom('', ' ', '\n\t'), fc.infiniteStream(fc.boolean()), (tree, space, escapes) => {
      const text = `{"it":${write(tree, space, () => escapes.next().value === true)}}`
      const found = read(text)
      if (!repeats(tree)) return JSON.stringify(found) === JSON.stringify(JSON.parse(text))
      repeated += 1
      return typeof found === 'string' && / twice$/.test(found)
    }),
    RUNS,
  )
  t.ok(repeated > 100, `${repeated} of them were refused`)
})

t.test('it agrees with JSON.parse on any text: an object or a sentence, never an exception', async () => {
  const valid = fc.object({ withDate: false, maxDepth: 3 }).map((value) => JSON.stringify(value))
  const spoiled = fc.tuple(valid, fc.nat(), fc.constantFrom('"', '\\', '{', '}', ',', ':', ' ', '')).map(([text, at, char]) => {
    const place = at % text.length
    return text.slice(0, place) + char + text.slice(place + 1)
  })
  fc.assert(
    fc.property(fc.oneof(valid, spoiled, fc.string()), (text) => {
      const found = read(text)
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return typeof found === 'string'
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return typeof found === 'string'
      return typeof found === 'string' ? / twice$/.test(found) : JSON.stringify(found) === JSON.stringify(value)
    }),
    RUNS,
  )
})

t.test('what is no object, not UTF-8, or deeper than anybody needs is refused with a sentence', async (t) => {
  for (const text of ['', ' ', 'null', '[]', '1', '"a"', '{', '{"a":1}x', '\ufeff{}', "{'a':1}", '{a:1}', '{"a":NaN}'])
    t.type(read(text), 'string', JSON.stringify(text))
  t.equal(readJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 'the body is not UTF-8')
  const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  t.type(read(nested(64)), 'object')
  t.match(read(nested(65)), /deeper than 64/)
  t.match(read(`{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`), /deeper than 64/, 'however deep')
  t.match(read('{"a":1,"\\u0061":2}'), /"a" twice/)
  t.match(read('{"a":{"b":1},"c":[{"b":1},{"b":1,"b":2}]}'), /"b" twice/)
  t.strictSame(read('{"a":{"b":1},"c":{"b":1}}'), { a: { b: 1 }, c: { b: 1 } }, 'the same name in two objects is no repeat')
})

t.test('a long body is read in time that grows with its length only', async (t) => {
  const members = Array.from({ length: 50_000 }, (_, at) => `"member${at}":"${'\\\\'.repeat(5)}"`)
  const from = performance.now()
  t.type(read(`{${members.join()}}`), 'object')
  t.match(read(`{${members.join()},"member7":1}`), /"member7" twice/)
  t.ok(performance.now() - from < 5_000)
})
