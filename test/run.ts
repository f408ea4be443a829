/**
 * Runs the test files, each as a process of its own, several at once: `npm test` all of them, `npm run t -- engine/chaos` those whose path
 * holds the words. Beside tap's own runner because that one loads what it needs for coverage into every process that a test starts.
 */

import { readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type FileResult, runFile } from './run-file.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
/** Many tests wait for processes, disks and deadlines: a job more than there are cores keeps these busy. */
const JOBS = availableParallelism() + 1

const { values, positionals } = parseArgs({
  options: { 'output-file': { type: 'string' }, jobs: { type: 'string', default: String(JOBS) } },
  allowPositionals: true,
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const all = readdirSync(HERE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.js'))
/** As a shell completes it (test/engine/chaos.test.ts), as tap takes it (dist/test/engine/chaos.test.js), or a part of either. */
const wordOf = (given: string): string => given.replace(/^(\.\/)?(dist\/)?test\//, '').replace(/\.ts$/, '.js')

function chosen(): string[] {
  const words = positionals.map(wordOf)
  const vain = words.filter((word) => !all.some((name) => name.includes(word)))
  for (const word of vain) say(`no test file has ${word} in its path below test/`)
  return vain.length > 0 ? [] : all.filter((name) => words.length === 0 || words.some((word) => name.includes(word))).sort()
}

async function runAll(names: readonly string[], done: (result: FileResult) => void): Promise<FileResult[]> {
  const waiting = [...names]
  const results: FileResult[] = []
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const result = await runFile(resolve(HERE, name), name.replace(/\.js$/, ''))
      results.push(result)
      done(result)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, work))
  return results
}

function tell({ name, passed, failed, skipped, tookMs, complaints }: FileResult): void {
  const verdict = failed === 0 ? 'ok    ' : 'FAILED'
  say(`${verdict} ${name} (${passed} passed${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}, ${seconds(tookMs)})`)
  for (const line of complaints) say(`    ${line}`)
}

/** What tap itself would have written: each file a test, its tests in it. */
function asTap(results: readonly FileResult[]): string {
  const lines = results.flatMap(({ name, tap, failed, tookMs }, index) => [
    `# Subtest: ${name}`,
    ...tap.split('\n').map((line) => `    ${line}`),
    `${failed === 0 ? 'ok' : 'not ok'} ${index + 1} - ${name} # time=${tookMs}ms`,
  ])
  return ['TAP version 14', ...lines, `1..${results.length}`, ''].join('\n')
}

const names = chosen()
const began = performance.now()
const results = await runAll(names, tell)
const sum = (of: (result: FileResult) => number): number => results.reduce((total, result) => total + of(result), 0)
const bad = results.filter(({ failed }) => failed > 0)
if (values['output-file'] !== undefined) writeFileSync(values['output-file'], asTap(results))
const slowest = results.length > 10 ? [...results].sort((a, b) => b.tookMs - a.tookMs).slice(0, 5) : []
if (slowest.length > 0) say(`the longest: ${slowest.map(({ name, tookMs }) => `${name} ${seconds(tookMs)}`).join(', ')}`)
for (const { name } of bad) say(`FAILED ${name}; again alone: npm run t -- ${name.replace('.test', '')}`)
say(`${results.length} files, ${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed in ${seconds(performance.now() - began)}`)
process.exitCode = bad.length === 0 && results.length > 0 ? 0 : 1
