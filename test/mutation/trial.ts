/** Tries mutants one by one: the tests that run their place, the nearest and shortest first, until one fails. */

import { SourceMap, type SourceMapPayload } from 'node:module'
import { readSources, root, type Source } from '../house/sources.ts'
import { randomFrom } from '../rig/random.ts'
import { equivalents } from './equivalents.ts'
import { lineAt, type Mutant, mutantsOf } from './mutants.ts'
import { NEIGHBOUR_MS, type Room } from './rooms.ts'
import { digestOf, reach, type Touched, touchedBy, touches } from './touched.ts'
import { type Ran, Workshop } from './workshop.ts'

export type Fate = 'killed' | 'killed by time' | 'equivalent' | 'survived'

export interface Tried {
  readonly mutant: Mutant
  /** In the source: file:line, and what stands there before and after. */
  readonly place: string
  readonly before: string
  readonly after: string
  readonly fate: Fate
  /** The test that failed, the reason, or how many tests passed. */
  readonly by: string
}

export interface Wish {
  readonly room: Room
  readonly count: number
  readonly seed: number
  /** So many of them were tried before. */
  readonly from?: number
  /** These alone. */
  readonly ids?: readonly string[]
  /** Files of the room, and of its tests, whose path contains this. */
  readonly file?: string
  readonly test?: string
  say(text: string): void
}

/** A thread that is terminated tells nothing of what it ran: so many tests of the room that import a file, and as many of its neighbours, are asked after those that are seen to run the place. */
const UNSEEN_TESTS = 6
/** What lived through as many tests as fit into this has survived. */
const MUTANT_MS = 60_000
const LINK = 'dist/gateway/stores/redis/link.js'

const distOf = (file: string): string => `dist/${file.replace(/\.ts$/, '.js')}`

let parsed: ReadonlyMap<string, Source> | undefined

export async function tryMutants(wish: Wish): Promise<Tried[]> {
  parsed ??= new Map(readSources().map((source) => [source.file, source]))
  const sources = parsed
  const shop = new Workshop(root)
  const stop = (): void => {
    shop.close()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    const mutants = chosen(wish, sources, shop)
    const tests = await testsOf(wish, sources, shop)
    const tried: Tried[] = []
    for (const mutant of mutants) {
      const one = await tryOne(mutant, shop, inOrder(mutant, tests, sources, shop))
      tried.push(one)
      wish.say(`${String(tried.length).padStart(3)} ${one.fate}: ${shown(one)}`)
    }
    return tried
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop)
    shop.close()
  }
}

export const shown = ({ mutant, place, before, after, by }: Tried): string =>
  `${mutant.id} ${place} ${mutant.kind}; ${by}\n      - ${before}${before === after ? '' : `\n      + ${after}`}`

/** Drawn by the seed and the mutant's own id, so that most of them are the same after a change elsewhere; one a line at most. */
function chosen({ room, count, seed, from = 0, ids, file = '' }: Wish, sources: ReadonlyMap<string, Source>, shop: Workshop): Mutant[] {
  const files = [...sources.keys()].filter((one) => room.sources.test(one) && one.includes(file))
  const all = files.flatMap((one) => mutantsOf(distOf(one), shop.read(distOf(one))))
  if (ids !== undefined) return all.filter(({ id }) => ids.includes(id))
  const drawn = all.map((mutant) => ({ mutant, lot: randomFrom((seed + Number.parseInt(mutant.id, 16)) | 0)() })).sort((a, b) => a.lot - b.lot)
  const lines = new Set<string>()
  const first = drawn.filter(({ mutant }) => {
    const line = `${mutant.file} ${lineAt(shop.read(mutant.file), mutant.from)}`
    return !lines.has(line) && lines.add(line)
  })
  return first.slice(from, from + count).map(({ mutant }) => mutant)
}

async function testsOf({ room, file: _, test = '', say }: Wish, sources: ReadonlyMap<string, Source>, shop: Workshop): Promise<Asked[]> {
  const names = [...sources.keys()].filter((one) => one.endsWith('.test.ts') && room.tests.includes(one.split('/')[1] ?? '') && one.includes(test))
  const tests: Asked[] = []
  for (const name of names) {
    const touched = await touchedBy(distOf(name), shop, digestOf(name, sources))
    const isOwn = name.startsWith(`test/${room.tests[0]}/`)
    if (!touched.passes) say(`left out, because it fails without a mutant: ${name}\n${touched.said.slice(-600)}`)
    else if (isOwn || touched.tookMs <= NEIGHBOUR_MS) tests.push({ ...touched, isOwn })
  }
  say(`${tests.length} tests`)
  return tests
}

type Asked = Touched & { readonly isOwn: boolean }

function inOrder({ file, from, lua }: Mutant, tests: readonly Asked[], sources: ReadonlyMap<string, Source>, shop: Workshop): Asked[] {
  const place = lua ? ([LINK, shop.read(LINK).indexOf('constructor(') + 'constructor('.length] as const) : ([file, from] as const)
  const source = file.replace(/^dist\/(.*)\.js$/, '$1.ts')
  const steps = (test: Touched): number | undefined => reach(test.test.replace(/^dist\/(.*)\.js$/, '$1.ts'), sources).get(source)
  const costs = (test: Touched): number => test.tookMs * ((steps(test) ?? 9) <= 2 ? 1 : 4)
  const known = tests.map((test) => ({ test, cost: costs(test) })).sort((a, b) => a.cost - b.cost)
  const sorted = known.map(({ test }) => test)
  const seen = sorted.filter((test) => touches(test, ...place))
  const others = (isOwn: boolean): Asked[] =>
    sorted.filter((test) => test.isOwn === isOwn && steps(test) !== undefined && !seen.includes(test)).slice(0, UNSEEN_TESTS)
  return [...seen, ...others(true), ...others(false)]
}

async function tryOne(mutant: Mutant, shop: Workshop, tests: readonly Touched[]): Promise<Tried> {
  const { file, from, to, by } = mutant
  const text = shop.read(file)
  const changed = text.slice(0, from) + by + text.slice(to)
  const found = { mutant, place: placeOf(mutant, text, shop), before: lineAt(text, from), after: lineAt(changed, from) }
  const equivalent = equivalents.find(({ id }) => id === mutant.id)
  if (equivalent !== undefined) return { ...found, fate: 'equivalent', by: equivalent.reason }
  shop.write(file, changed)
  try {
    let spentMs = 0
    for (const [index, { test, tookMs }] of tests.entries()) {
      if (spentMs > MUTANT_MS) return { ...found, fate: 'survived', by: `${index} tests passed, ${tests.length - index} were not asked` }
      const once = (): Promise<Ran> => shop.run(test, 10_000 + 4 * tookMs)
      const first = await once()
      spentMs += first.tookMs
      // A test that fails once and then passes says nothing of the mutant.
      const { end } = first.end === 'failed' ? await once() : first
      if (end !== 'passed') return { ...found, fate: end === 'failed' ? 'killed' : 'killed by time', by: test.replace(/^dist\/(.*)\.js$/, '$1.ts') }
    }
    return { ...found, fate: 'survived', by: `${tests.length} tests passed` }
  } finally {
    shop.write(file, text)
  }
}

function placeOf({ file, from }: Mutant, text: string, shop: Workshop): string {
  const before = text.slice(0, from).split('\n')
  const map = new SourceMap(JSON.parse(shop.read(`${file}.map`)) as SourceMapPayload)
  const entry = map.findEntry(before.length - 1, before.at(-1)?.length ?? 0)
  const line = 'originalLine' in entry ? entry.originalLine + 1 : '?'
  return `${file.replace(/^dist\/(.*)\.js$/, '$1.ts')}:${line}`
}
