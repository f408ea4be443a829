/** The street has one direction: a room knows only the rooms to its left. */

import t from 'tap'
import { report } from './report.ts'
import { entryPoints, libraryHome, mayImport, oneFileRooms, playground, roomOf } from './rooms.ts'
import { type Import, parse, readSources, type Source } from './sources.ts'

const REMEDY = 'ask for it through a port in gateway/contract'
const sources = readSources()

/** The package behind `name`, without its subpath. */
const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')

function complaint(source: Source, item: Import): string | undefined {
  const from = roomOf(source.file)
  const at = `${source.file}:${item.line}`
  if (from === undefined) return undefined
  if (item.target === undefined) return libraryComplaint(at, from, item.name)
  const to = roomOf(item.target)
  if (to === undefined) return `${at}: ${item.target} stands in no room; import what is in one of ${(mayImport[from] ?? []).join(', ') || from}`
  if (oneFileRooms.includes(from) && item.name !== '#contract') {
    return `${at}: ${from} may not import ${to === from ? 'each other' : to}; import from '#contract', and ${REMEDY}`
  }
  if (from === to || mayImport[from]?.includes(to)) return undefined
  return `${at}: ${from} may not import ${to}; ${from === 'gateway/contract' ? 'move what it needs into the contract' : REMEDY}`
}

function libraryComplaint(at: string, from: string, name: string): string | undefined {
  // Hashing is a pure function; nothing else outside is one.
  if (from === 'gateway/contract' && name !== 'node:crypto')
    return `${at}: gateway/contract may not import ${name}; it holds types and pure values only, so ask for it through a port`
  const home = libraryHome[packageOf(name)]
  if (home === undefined || home === from || playground(from)) return undefined
  return `${at}: ${from} may not import ${packageOf(name)}, which only ${home} knows; ${REMEDY}`
}

const complaintsOf = (source: Source): string[] => source.imports.flatMap((item) => complaint(source, item) ?? [])

t.test('a room imports only from rooms to its left', async (t) => {
  report(t, sources.flatMap(complaintsOf))
})

t.test('every file stands in a room', async (t) => {
  const lost = sources.filter(({ file }) => roomOf(file) === undefined)
  report(
    t,
    lost.map(({ file }) => `${file}:1: stands in no room; move it into one, or give it a place on the street in test/house/rooms.ts`),
  )
})

t.test('every file is imported by somebody', async (t) => {
  const imported = new Set(sources.filter(({ file }) => roomOf(file) !== 'test').flatMap((source) => source.imports.map((item) => item.target)))
  const alone = (file: string): boolean => {
    const room = roomOf(file) ?? ''
    return playground(room) || oneFileRooms.includes(room) || entryPoints.includes(file) || imported.has(file)
  }
  const unused = sources.filter(({ file }) => !alone(file)).map(({ file }) => `${file}:1: nobody imports it; remove it, or import it where it is needed`)
  report(t, unused, { ofTheWhole: true })
})

t.test('a wrong import is named with its line and its remedy', async (t) => {
  const cases: readonly [file: string, text: string, complaint: string | undefined][] = [
    [
      'plugins/a.ts',
      "\nimport x from '../gateway/engine/x.ts'",
      `plugins/a.ts:2: plugins may not import gateway/engine; import from '#contract', and ${REMEDY}`,
    ],
    ['plugins/a.ts', "import b from './b.ts'", `plugins/a.ts:1: plugins may not import each other; import from '#contract', and ${REMEDY}`],
    ['plugins/a.ts', "import { usd } from '#contract'\nimport z from 'zlib'", undefined],
    ['gateway/engine/a.ts', "export { b } from '../stores/b.ts'", `gateway/engine/a.ts:1: gateway/engine may not import gateway/stores; ${REMEDY}`],
    ['gateway/engine/a.ts', "const b = await import('../doors/b.ts')", `gateway/engine/a.ts:1: gateway/engine may not import gateway/doors; ${REMEDY}`],
    ['gateway/books/a.ts', "type B = import('../gateway.ts').B", `gateway/books/a.ts:1: gateway/books may not import gateway/gateway.ts; ${REMEDY}`],
    [
      'gateway/engine/a.ts',
      "import r from 'restana/libs/x'",
      `gateway/engine/a.ts:1: gateway/engine may not import restana, which only gateway/doors knows; ${REMEDY}`,
    ],
    [
      'gateway/contract/a.ts',
      "import fs from 'node:fs'",
      'gateway/contract/a.ts:1: gateway/contract may not import node:fs; it holds types and pure values only, so ask for it through a port',
    ],
    ['gateway/doors/a.ts', "import g from 'fast-gateway'\nimport { b } from '../gateway.ts'", undefined],
    ['gateway/stores/a.ts', "import { b } from './b.ts'\nimport { LRUCache } from 'lru-cache'", undefined],
  ]
  for (const [file, text, expected] of cases) t.strictSame(complaintsOf(parse(file, text)), expected === undefined ? [] : [expected], `${file}: ${text}`)
})
