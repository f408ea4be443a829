/** The `atlas` command as a child process, as an operator runs it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './gateway.ts'

/** Of the repository; this file runs from dist/test/rig. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
export const COMMAND = join(ROOT, 'gateway/atlas.mjs')
export const UNBUNDLED = join(ROOT, 'dist/test/rig/unbundled.js')

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** The output as JSON, for --json. */
  readonly json: Record<string, unknown>
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What is run; default: the command of this repository. */
  readonly command?: string
  /** Piped into it; nothing is without. */
  readonly input?: string | Buffer
}

/** Only what a command needs of this environment, so that nothing set here changes a test. */
function launch(args: readonly string[], { env = {}, cwd, input, command = COMMAND }: ProcessOptions): ChildProcess {
  const { PATH = '', HOME = '' } = process.env
  const options = { env: { PATH, HOME, ...env }, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as ['ignore' | 'pipe', 'pipe', 'pipe'] }
  const child = spawn(process.execPath, [command, ...args], cwd === undefined ? options : { ...options, cwd })
  child.stdin?.end(input)
  return child
}

/** Runs a command to its end. */
export async function atlas(args: readonly string[], options: ProcessOptions = {}): Promise<Ran> {
  const child = launch(args, options)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    ...{ status, stdout, stderr },
    get json() {
      return JSON.parse(stdout) as Record<string, unknown>
    },
  }
}

export interface Started {
  readonly publicUrl: string
  readonly adminUrl: string
  /** As the process itself says: from its start until it serves. */
  readonly readyMs: number
  readonly pid: number
  stdout(): string
  stderr(): string
  /** Commands that are to find this gateway need the port that it got. */
  readonly env: { readonly ADMIN_PORT: string }
  /** The exit status, once it has ended for whatever reason; null where a signal did it. */
  readonly ended: Promise<number | null>
  /** Sends the signal; resolves with the exit status once the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const READY = /serves consumers on (\S+) and the operator on (\S+), ready in (\d+) ms/

/** `atlas start` on free ports, ended with the test. @throws Error with what was said when it ends before it is ready */
export async function startAtlas(t: Teardown, file: string, { env = {}, command = COMMAND }: ProcessOptions = {}): Promise<Started> {
  const child = launch(['start', '--config', file], { env: { PORT: '0', ADMIN_PORT: '0', ...env }, command })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  t.teardown(() => {
    child.kill('SIGKILL')
    return ended
  })
  let stdout = ''
  let stderr = ''
  const ready = new Promise<RegExpExecArray>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      stdout += chunk
      const found = READY.exec(stdout)
      if (found !== null) resolve(found)
    })
    child.stderr?.on('data', (chunk) => {
      stderr += chunk
    })
    void ended.then((status) => reject(new Error(`atlas start ended with ${status}: ${stdout}${stderr}`)))
  })
  const [, publicUrl = '', adminUrl = '', readyMs] = await ready
  return {
    ...{ publicUrl, adminUrl, readyMs: Number(readyMs), pid: child.pid as number },
    stdout: () => stdout,
    stderr: () => stderr,
    env: { ADMIN_PORT: new URL(adminUrl).port },
    ended,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}
