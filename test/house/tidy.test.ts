/** What every file keeps to: no banned words, bounded length, an opening comment; and a first file in every folder. */

import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import { bans } from './bans.ts'
import { longFiles, longFunctions } from './exceptions.ts'
import { FILE_LINES, FUNCTION_LINES, fileLength, functionLengths, type Length } from './measure.ts'
import { report } from './report.ts'
import { parse, readSources, root, type Source } from './sources.ts'

const sources = readSources()

t.test('no file uses a banned word', async (t) => {
  report(t, sources.flatMap(banned))
})

t.test('a banned word is found where it is code, and not where it is allowed', async (t) => {
  const cases: readonly [file: string, text: string, words: readonly string[]][] = [
    ['config/a.ts', 'const x = parseFloat("1")\nconst y = Number.parseFloat("1") // parseFloat', ['parseFloat', 'parseFloat']],
    ['config/a.ts', 'const x = y as any', ['as any']],
    ['gateway/engine/a.ts', 'console.log(1)', ['console.log']],
    ['gateway/doors/a.ts', 'console.log(1)', []],
    ['test/x/a.test.ts', 't.only("x")', ['.only(']],
    ['plugins/a.ts', `// ${'FIX'}ME later`, [`${'FIX'}ME`]],
    ['gateway/books/a.ts', 'const x = Number(row.n)', ['Number(']],
    ['plugins/a.ts', 'const x = Number(call.price.alternatives)\nconst y = Number(text)', ['Number(']],
  ]
  for (const [file, text, words] of cases) {
    const found = banned(parse(file, text)).map((line) => line.replace(/^\S+: (.*) is banned.*$/, '$1'))
    t.strictSame(found, words, `${file}: ${text}`)
  }
})

t.test(`a file has at most ${FILE_LINES} lines, and the listed exceptions only shrink`, async (t) => {
  report(t, ratchet(sources.map(fileLength), { limit: FILE_LINES, listed: longFiles, list: 'longFiles' }), { ofTheWhole: true })
})

t.test(`a function has at most ${FUNCTION_LINES} lines, and the listed exceptions only shrink`, async (t) => {
  report(t, ratchet(sources.flatMap(functionLengths), { limit: FUNCTION_LINES, listed: longFunctions, list: 'longFunctions' }), { ofTheWhole: true })
})

t.test('an exception that grew, shrank or went is named', async (t) => {
  const length = (lines: number): Length[] => [{ name: 'a.ts', line: 1, lines }]
  const rule = { limit: 10, listed: { 'a.ts': 20 }, list: 'longFiles' }
  t.strictSame(ratchet(length(20), rule), [])
  t.match(ratchet(length(21), rule), [/^a\.ts:1: has 21 lines, listed with 20/])
  t.match(ratchet(length(19), rule), [/^a\.ts:1: has 19 lines, listed with 20; .*'a\.ts': 19,/])
  t.match(ratchet(length(10), rule), [/^a\.ts: is no exception any more/])
  t.match(ratchet([], rule), [/^a\.ts: is no exception any more/])
  t.match(ratchet(length(11), { ...rule, listed: {} }), [/^a\.ts:1: has 11 lines, 10 are allowed/])
})

t.test('every file opens with a comment that says what it is for', async (t) => {
  const bare = sources.filter(({ text }) => !/^(#![^\n]*\n)?\s*\/[/*]/.test(text))
  report(
    t,
    bare.map(({ file }) => `${file}:1: opens without a comment; begin with one to three lines that say what it is for`),
  )
})

t.test('every folder has a file to read first', async (t) => {
  const folders = [...new Set(sources.map(({ file }) => posix.dirname(file)))]
  const bare = folders.filter((folder) => !hasPlate(folder))
  report(
    t,
    bare.map((folder) => `${folder}: has no first file; add index.ts, or name the file to begin with in a README.md here or above`),
    { ofTheWhole: true },
  )
})

/** index.ts, a file named like its folder, or a README.md here or above that names one of the folder's files. */
function hasPlate(folder: string): boolean {
  const names = sources.filter(({ file }) => posix.dirname(file) === folder).map(({ file }) => posix.basename(file))
  if (names.includes('index.ts') || names.includes(`${posix.basename(folder)}.ts`) || names.every((name) => name.endsWith('.mjs'))) return true
  return aboveOf(folder).some((above) => {
    const readme = `${root}/${above}/README.md`
    const prefix = above === folder ? '' : `${posix.relative(above, folder)}/`
    return existsSync(readme) && names.some((name) => readFileSync(readme, 'utf8').includes(`${prefix}${name}`))
  })
}

/** The folder itself, and those that it stands in. */
const aboveOf = (folder: string): readonly string[] => (folder === '.' ? [] : [folder, ...aboveOf(posix.dirname(folder))])

function banned(source: Source): string[] {
  return bans
    .filter((ban) => !ban.allowed(source.file))
    .flatMap((ban) => ban.find(source).map((line) => `${source.file}:${line}: ${ban.word} is banned; ${ban.remedy}`))
}

/** What is over the limit and not listed, and what is listed and not as listed. */
function ratchet(lengths: readonly Length[], rule: { limit: number; listed: Readonly<Record<string, number>>; list: string }): string[] {
  const { limit, listed, list } = rule
  const long = new Map<string, Length>()
  for (const length of lengths) if (length.lines > Math.max(limit, long.get(length.name)?.lines ?? 0)) long.set(length.name, length)
  const gone = Object.keys(listed).filter((name) => !long.has(name))
  return [
    ...gone.map((name) => `${name}: is no exception any more; remove it from ${list} in test/house/exceptions.ts`),
    ...[...long.values()].flatMap(({ name, line, lines }) => {
      const at = `${name.split(' ')[0]}:${line}`
      const known = listed[name]
      if (known === lines) return []
      if (known === undefined) return [`${at}: has ${lines} lines, ${limit} are allowed; split it (an exception is written '${name}': ${lines}, in ${list})`]
      if (lines > known) return [`${at}: has ${lines} lines, listed with ${known}; exceptions may not grow, so split it`]
      return [`${at}: has ${lines} lines, listed with ${known}; write '${name}': ${lines}, in ${list} of test/house/exceptions.ts`]
    }),
  ]
}
