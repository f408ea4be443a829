/** A compiled file of the rig as a process of its own, without anything of the test runner in it, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './folder.ts'

export interface Child {
  readonly process: ChildProcess
  /** Whole lines of stdout, in order. */
  readonly lines: readonly string[]
  /** Resolves once so many lines were said. @throws Error when the process ends before */
  said(count: number): Promise<void>
  kill(): Promise<NodeJS.Signals | number | null>
  /** The exit status, or the signal that ended it. */
  readonly ended: Promise<NodeJS.Signals | number | null>
}

export interface ChildWish {
  /** Most blocks of 512 bytes that a file may have: then a write fails, as on a full disk. */
  readonly fileBlocks?: number
}

/** `file` is relative to this folder and ends in .js. */
export function startChild(t: Teardown, file: string, args: readonly string[], { fileBlocks }: ChildWish = {}): Child {
  const path = fileURLToPath(new URL(file, import.meta.url))
  // The runner adds a loader to the environment of whatever is spawned; it would write files of its own.
  const script = `unset NODE_OPTIONS; ${fileBlocks === undefined ? '' : `ulimit -f ${fileBlocks}; `}exec "$0" "$@"`
  const child = spawn('/bin/sh', ['-c', script, process.execPath, path, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH } })
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
  t.teardown(() => {
    child.kill('SIGKILL')
    return ended
  })
  const lines: string[] = []
  const waiting: { count: number; done: () => void }[] = []
  let rest = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const all = (rest + chunk.toString()).split('\n')
    rest = all.pop() ?? ''
    lines.push(...all)
    for (const { count, done } of waiting) if (lines.length >= count) done()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const said = (count: number): Promise<void> =>
    new Promise((done, fail) => {
      if (lines.length >= count) return done()
      waiting.push({ count, done })
      void ended.then((how) => fail(new Error(`${file} ended (${how}) after ${lines.length} lines: ${errors}`)))
    })
  return {
    ...{ process: child, lines, said, ended },
    kill: () => {
      child.kill('SIGKILL')
      return ended
    },
  }
}
