/** Pages about the code lead to what is there: every file that they and the picture name, every name that is to be looked for in one, every room of the street. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import { report } from './report.ts'
import { mayImport, playground } from './rooms.ts'
import { readSources, root } from './sources.ts'

const PAGE = 'docs/ARCHITECTURE.md'
/** Those, too, that name files as witnesses. */
const PAGES = [PAGE, 'docs/STATE.md', 'docs/COMPARISON.md']
const PICTURE = 'docs/architecture.svg'
const read = (file: string): string => readFileSync(`${root}/${file}`, 'utf8')

/** `path/of/a/file.ts`, and behind it perhaps `aName`. */
const STOP = /`((?:gateway|plugins|adapters|config|test|docs|bench)\/[\w./-]+)`(?: `([\w:]+)`)?/g

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

/** What a reader would look for in vain. */
function lost(page: string, text: string): string[] {
  return [...text.matchAll(STOP)].flatMap(({ index, 1: file = '', 2: name }) => {
    const at = `${page}:${lineAt(text, index)}`
    if (!existsSync(`${root}/${file}`)) return [`${at}: there is no ${file}; find out what stands in its place, and name that`]
    if (name === undefined || new RegExp(`\\b${name}\\b`).test(read(file))) return []
    return [`${at}: ${file} has no ${name}; name what the step is called now`]
  })
}

t.test('each file and each name on these pages is there', async (t) => {
  t.ok([...read(PAGE).matchAll(STOP)].length > 50, 'the ways are written with their files')
  report(
    t,
    PAGES.flatMap((page) => lost(page, read(page))),
  )
})

t.test('docs/README.md leads to every page', async (t) => {
  const pages = readdirSync(`${root}/docs`).filter((name) => name.endsWith('.md') && name !== 'README.md')
  const missing = pages.filter((name) => !read('docs/README.md').includes(`(${name})`))
  report(
    t,
    missing.map((name) => `docs/README.md: does not lead to ${name}; add it for whoever should read it`),
  )
})

t.test('what has gone is named with its line', async (t) => {
  t.match(lost('page.md', 'one\n1. `gateway/engine/gone.ts`: it was here'), [/^page\.md:2: there is no gateway\/engine\/gone\.ts; /])
  t.match(lost('page.md', '`config/prices.ts` `readNothing`'), [/^page\.md:1: config\/prices\.ts has no readNothing; /])
  t.strictSame(lost('page.md', '`config/prices.ts` `readPrice`'), [])
})

t.test('every room of the street stands on the page', async (t) => {
  const page = read(PAGE)
  const missing = Object.keys(mayImport).filter((room) => !playground(room) && !page.includes(`\`${room}\``))
  report(
    t,
    missing.map((room) => `${PAGE}: says nothing of ${room}; give it its place in the paragraph on the street`),
  )
})

t.test('the picture names files that are there, and is read aloud', async (t) => {
  const picture = read(PICTURE)
  const files = readSources().map(({ file }) => file)
  const named = [...picture.matchAll(/>([\w-]+\.ts)</g)].map(([, name = '']) => name)
  report(
    t,
    named.filter((name) => !files.some((file) => posix.basename(file) === name)).map((name) => `${PICTURE}: there is no ${name}; draw what stands there now`),
  )
  t.match(picture, /<title id="title">[^<]{40,}<\/title>/)
  t.match(picture, /prefers-color-scheme: dark/)
})
