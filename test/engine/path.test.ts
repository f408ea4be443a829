/** Whatever two readers could read differently is refused, and what passes is written in one way only. */

import { parse as parseByNode } from 'node:querystring'
import fc from 'fast-check'
import t from 'tap'
import { isRefusal } from '../../gateway/contract/index.ts'
import { encodeSegment, parseQuery, type QueryMembers, segmentsOf, splitTarget, writeQuery } from '../../gateway/engine/path.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)
const RUNS = { seed, numRuns: 10_000 }

/** What attacks on paths are made of, between harmless pieces. */
const PIECES = [
  ...['.', '..', '...', '/', '//', '\\', '%', '%2', '%2e', '%2E', '%252e', '%25', '%2f', '%2F', '%252f', '%5c', '%5C', '%00', '%0a', '%7f', '%c0%ae', '%u002e'],
  ...[
    ';',
    ';a=b',
    '..;',
    '%3b',
    '%3B',
    '?',
    '#',
    ' ',
    '%20',
    '+',
    '~',
    'é',
    '%c3%a9',
    '%e2%80%ae',
    '\u0000',
    '\ud800',
    'a',
    'b',
    '0',
    ':',
    '@',
    '*',
    '%41',
    '%2541',
  ],
]
const hostile = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)
const anyPath = fc.oneof(
  hostile,
  fc.string({ unit: 'binary' }),
  fc.webUrl().map((url) => new URL(url).pathname),
)

const write = (segments: readonly string[]): string => `/${segments.map(encodeSegment).join('/')}`
const onceMore = (text: string): string => text.replace(/(?:%[0-9a-f]{2})+/gi, (codes) => Buffer.from(codes.replaceAll('%', ''), 'hex').toString())

t.test('the normaliser never throws, and nothing that passes can be read in two ways', async () => {
  let passed = 0
  fc.assert(
    fc.property(anyPath, (path) => {
      const segments = segmentsOf(path)
      if (isRefusal(segments)) return segments.code === 'bad_request'
      passed += 1
      const written = write(segments)
      for (const segment of segments) {
        if (segment === '' || /^\.{1,2}(;|$)/.test(segment)) return false
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
        if (/[/\\\u0000-\u001f\u007f]/.test(segment) || onceMore(segment) !== segment) return false
      }
      // A browser's reader, and a base below which it must stay.
      return segments.length === 0 || new URL(`http://base.example/v1${written}`).pathname === `/v1${written}`
    }),
    RUNS,
  )
  t.ok(passed > 100, `${passed} of them passed`)
})

t.test('writing what was read changes nothing, however often', async () => {
  const harmless = fc.array(fc.string({ unit: fc.constantFrom('a', '%41', '%c3%a9', '~', '%7E', '$', '%24', ',', '%2c', '-', ':') }), {
    minLength: 1,
    maxLength: 4,
  })
  const path = fc.oneof(
    hostile,
    harmless.map((parts) => `/${parts.join('/')}`),
  )
  fc.assert(
    fc.property(path, (path) => {
      const once = segmentsOf(path)
      if (isRefusal(once) || once.length === 0) return true
      const twice = segmentsOf(write(once))
      return !isRefusal(twice) && write(twice) === write(once) && JSON.stringify(twice) === JSON.stringify(once)
    }),
    RUNS,
  )
})

t.test('what is refused, and what is one and the same', async (t) => {
  const refused = [
    ...['/a/../b', '/a/./b', '/a/..', '/%2e%2e/b', '/.%2E/b', '/..;/b', '/..;x=1/b', '/%2e%2e;/b', '/.;/b', '/..%3b/b'],
    ...['/a//b', '/a/', '//', '/a%2fb', '/a%2Fb', '/a\\b', '/a%5cb', '/a%00', '/a%0d%0ab', '/a%7f'],
    ...['/%252e%252e/b', '/a%252fb', '/%2541', '/%', '/%2', '/%zz', '/%c0%ae', '/%ff', '/é', '/a b', '/a\u0000'],
  ]
  for (const path of refused) t.match(segmentsOf(path), { code: 'bad_request' }, JSON.stringify(path))
  const same: readonly [string, readonly string[]][] = [
    ['/', []],
    ['/a/b', ['a', 'b']],
    ['/%61/b', ['a', 'b']],
    ['/caf%C3%A9', ['café']],
    ['/...', ['...']],
    ['/a;b', ['a;b']],
    ['/100%25', ['100%']],
    ['/a.b/..c', ['a.b', '..c']],
  ]
  for (const [path, segments] of same) t.strictSame(segmentsOf(path), segments, path)
  t.equal(encodeSegment('a:b@c$d&e+f,g;h=i'), 'a:b@c$d&e+f,g;h=i', 'what RFC 3986 lets stand stays')
  t.equal(encodeSegment('a b/%é'), 'a%20b%2F%25%C3%A9')
})

t.test('only the origin form is a target', async (t) => {
  t.strictSame(splitTarget('/a/b?c=d?e'), { path: '/a/b', query: 'c=d?e' })
  t.strictSame(splitTarget('/a'), { path: '/a', query: '' })
  for (const target of ['http://evil.example/a', '*', '', 'a', '/a#b', '/a?b#c']) t.match(splitTarget(target), { code: 'bad_request' }, target)
})

// ------------------------------------------------------------------ queries

const listed = (members: QueryMembers): [string, string][] => [...members].flatMap(([name, values]) => values.map((value): [string, string] => [name, value]))
const byName = (pairs: readonly (readonly [string, string])[]): object => {
  const found: Record<string, string[]> = Object.create(null)
  for (const [name, value] of pairs) {
    found[name] ??= []
    found[name].push(value)
  }
  return found
}

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('&', '=', '+', '%', ';', '#', ' ', '?', '/', '[', ']', '.', "'", 'é', '😀', '\u0085'),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
})
const printable = text.filter((value) => !/\p{Cc}/u.test(value))
const members = fc.array(fc.tuple(printable, printable), { maxLength: 8 })

t.test('price and provider read the same values: the query that goes out means what was read from the one that came', async () => {
  const spaced = (value: string, plus: boolean): string => (plus ? encodeURIComponent(value).replaceAll('%20', '+') : encodeURIComponent(value))
  fc.assert(
    fc.property(members, fc.boolean(), (pairs, plus) => {
      const query = pairs.map(([name, value]) => `${spaced(name, plus)}=${spaced(value, plus)}`).join('&')
      const read = parseQuery(query)
      if (isRefusal(read)) return false
      const wanted = JSON.stringify(byName(pairs))
      const written = writeQuery(read).slice(1)
      // As two usual readers of providers understand it.
      const url = JSON.stringify(byName([...new URLSearchParams(written)]))
      const node = JSON.stringify(Object.fromEntries(Object.entries(parseByNode(written)).map(([name, value]) => [name, [value].flat()])))
      const again = parseQuery(written)
      return JSON.stringify(byName(listed(read))) === wanted && url === wanted && node === wanted && !isRefusal(again) && writeQuery(again) === writeQuery(read)
    }),
    RUNS,
  )
})

t.test('any text is a query or refused, and what passes reads the same again', async () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (query) => {
      const read = parseQuery(query)
      if (isRefusal(read)) return read.code === 'bad_request'
      const written = writeQuery(read)
      const again = parseQuery(written.slice(1))
      return /^(\?[\x21-\x7e]+)?$/.test(written) && !isRefusal(again) && JSON.stringify(listed(again)) === JSON.stringify(listed(read))
    }),
    RUNS,
  )
})

t.test('a query with an empty member, a control character, broken encoding or too many members is refused', async (t) => {
  const wrong = ['&', 'a&', '&a', 'a&&b', 'a=%00', 'a=%0a', 'a%0d=1', 'a=%', 'a=%zz', 'a=%ff', 'a=é', 'a= b', Array(101).fill('a').join('&')]
  for (const query of wrong) t.match(parseQuery(query), { code: 'bad_request' }, query.slice(0, 20))
  const members = parseQuery('b=2&a=1&b=3&c&=d')
  t.strictSame(isRefusal(members) ? members : listed(members), [
    ['b', '2'],
    ['b', '3'],
    ['a', '1'],
    ['c', ''],
    ['', 'd'],
  ])
})
