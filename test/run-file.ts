/** One test file as a process: what it said, how it ended, and what of it is to be read first. */

import { type ChildProcess, spawn } from 'node:child_process'

export interface FileResult {
  readonly name: string
  /** The tests of the file, not their assertions. */
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly tookMs: number
  /** What failed, with what tap says of it; empty where nothing did. */
  readonly complaints: readonly string[]
  /** All that it wrote. */
  readonly tap: string
}

/** Within which a test has to end, unless it says otherwise itself. */
const TEST_SECONDS = 120
/** Nothing that a file says of itself makes it longer. */
const FILE_MS = 330_000
const TO_END_MS = 5_000
const MOST_COMPLAINTS = 60

const running = new Set<ChildProcess>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill('SIGTERM')
    process.kill(process.pid, signal)
  })
}

export async function runFile(file: string, name: string): Promise<FileResult> {
  const began = performance.now()
  const env = { ...process.env, TAP_TIMEOUT: `${TEST_SECONDS}` }
  const child = spawn(process.execPath, ['--enable-source-maps', file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  const said: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), TO_END_MS).unref()
  }, FILE_MS)
  // Its exit, and not the end of its pipes: whoever it leaves behind may hold these.
  const closed = new Promise((resolve) => child.once('close', resolve))
  const status = await new Promise<number | NodeJS.Signals>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? 1)))
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, TO_END_MS).unref())])
  clearTimeout(limit)
  running.delete(child)
  const tap = Buffer.concat(said).toString()
  const ending = late ? `it did not end within ${FILE_MS / 1000} s` : status === 0 ? undefined : `it ended with ${status}`
  return { name, tookMs: Math.round(performance.now() - began), tap, ...verdictOf(tap, ending, Buffer.concat(errors).toString()) }
}

/** A file is good when it ended well and each test that it planned was. */
function verdictOf(tap: string, ending: string | undefined, errors: string): Pick<FileResult, 'passed' | 'failed' | 'skipped' | 'complaints'> {
  const lines = tap.split('\n')
  const tests = lines.filter((line) => /^(not )?ok \d/.test(line))
  const skipped = tests.filter((line) => /# (SKIP|TODO)/i.test(line)).length
  const failed = tests.filter((line) => line.startsWith('not') && !/# (SKIP|TODO)/i.test(line)).length
  const passed = tests.length - skipped - failed
  const plan = /^1\.\.(\d+)/m.exec(tap)?.[1]
  const wrong = [
    ...(ending === undefined ? [] : [ending]),
    ...(plan === undefined ? ['it ended before its plan of tests'] : Number(plan) === tests.length ? [] : [`${tests.length} of ${plan} tests ran`]),
    ...(tests.length === 0 ? ['it holds no test'] : []),
  ]
  if (failed === 0 && wrong.length === 0) return { passed, failed, skipped, complaints: [] }
  const complaints = [...failures(lines), ...wrong, ...errors.split('\n').filter((line) => line !== '')]
  return { passed, failed: Math.max(failed, 1), skipped, complaints: complaints.slice(0, MOST_COMPLAINTS) }
}

/** Each failed line with the block that follows it. */
function failures(lines: readonly string[]): string[] {
  let inside = false
  return lines.filter((line) => {
    if (/^ *not ok /.test(line)) inside = true
    else if (/^ *(ok |# Subtest|1\.\.|\})/.test(line)) inside = false
    return inside
  })
}
