/** Which tests run which places of dist: asked of the engine (V8 coverage, of child processes and threads as well), kept between runs. */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Source } from '../house/sources.ts'
import type { Workshop } from './workshop.ts'

type Span = readonly [from: number, to: number]

export interface Touched {
  /** Of dist. */
  readonly test: string
  readonly passes: boolean
  readonly tookMs: number
  readonly said: string
  /** File of dist -> what of it ran, in order. */
  readonly ran: Readonly<Record<string, readonly Span[]>>
}

interface Script {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[] }[]
}

const LIMIT_MS = 60_000

/** Kept by what the test says and all that runs: the longest part of a run is not done twice. */
export async function touchedBy(test: string, shop: Workshop, digest: string): Promise<Touched> {
  const kept = join(tmpdir(), `atlas-mutation-${process.getuid?.() ?? 'user'}`, `${createHash('sha256').update(`${test}\n${digest}`).digest('hex')}.json`)
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Touched
  const folder = join(shop.folder, '.coverage')
  const watched = await shop.run(test, LIMIT_MS, { NODE_V8_COVERAGE: folder })
  // Where a process may not write files, the watching itself is what fails.
  const { end, tookMs, said } = watched.end === 'passed' ? watched : await shop.run(test, LIMIT_MS)
  const touched = { test, passes: end === 'passed', tookMs, said, ran: ranIn(folder, `${pathToFileURL(shop.folder).href}/`) }
  rmSync(folder, { recursive: true, force: true })
  if (touched.passes) {
    mkdirSync(join(kept, '..'), { recursive: true })
    writeFileSync(kept, JSON.stringify(touched))
  }
  return touched
}

/** Of the sources that a test reaches by imports, and of all that is found by being there. */
export function digestOf(test: string, sources: ReadonlyMap<string, Source>): string {
  const all = createHash('sha256').update(digestOfProduct(sources))
  const reached = reach(test, sources)
  for (const [file, { text }] of sources) if (reached.has(file) && isTest(file)) all.update(text)
  return all.digest('hex')
}

const isTest = (file: string): boolean => /^(test|bench)\//.test(file)
const products = new WeakMap<ReadonlyMap<string, Source>, string>()

function digestOfProduct(sources: ReadonlyMap<string, Source>): string {
  const known = products.get(sources)
  if (known !== undefined) return known
  const all = createHash('sha256')
  for (const [file, { text }] of sources) if (!isTest(file)) all.update(text)
  const digest = all.digest('hex')
  products.set(sources, digest)
  return digest
}

/** A file and all that it imports, by way of others too, with the number of steps to each. */
export function reach(file: string, sources: ReadonlyMap<string, Source>): Map<string, number> {
  const steps = new Map([[file, 0]])
  for (const [one, step] of steps) {
    for (const { target } of sources.get(one)?.imports ?? []) if (target !== undefined && !steps.has(target)) steps.set(target, step + 1)
  }
  return steps
}

function ranIn(folder: string, base: string): Record<string, Span[]> {
  const ran: Record<string, Span[]> = {}
  if (!existsSync(folder)) return ran
  for (const name of readdirSync(folder)) {
    for (const script of scriptsIn(join(folder, name))) {
      const file = script.url.startsWith(base) ? script.url.slice(base.length).split('?')[0] : undefined
      if (file === undefined || !/^dist\/(gateway|plugins|config)\//.test(file)) continue
      ran[file] = [...(ran[file] ?? []), ...spansOf(script)]
    }
  }
  return ran
}

/** Nothing of a process that was killed while it wrote. */
function scriptsIn(file: string): readonly Script[] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { result: readonly Script[] }).result
  } catch {
    return []
  }
}

/** Ranges are nested, the inner ones later and truer. */
function spansOf({ functions }: Script): Span[] {
  const ranges = functions.flatMap((one) => one.ranges)
  const edges = [...new Set(ranges.flatMap((one) => [one.startOffset, one.endOffset]))].sort((a, b) => a - b)
  const inner = [...ranges].sort((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset))
  const spans: Span[] = []
  for (const [index, from] of edges.entries()) {
    const to = edges[index + 1]
    if (to === undefined) break
    if ((inner.find((one) => one.startOffset <= from && to <= one.endOffset)?.count ?? 0) > 0) spans.push([from, to])
  }
  return spans
}

export const touches = ({ ran }: Touched, file: string, at: number): boolean => ran[file]?.some(([from, to]) => from <= at && at < to) ?? false
