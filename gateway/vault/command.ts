/** A program that prints the master key, for a KMS: run without a shell, within a bound of time and output. What it prints is never shown. */
import { spawn } from 'node:child_process'
import { VaultError } from '#contract'
import { codeOf } from './disk.ts'

const WITHIN_MS = 10_000
const MOST_OUTPUT_BYTES = 1024
const MOST_ERROR_CHARACTERS = 500

export interface CommandWish {
  readonly command: readonly string[]
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly withinMs?: number
}

/** What it printed, for the caller to clear. @throws VaultError */
export function outputOf({ command, folder, env, withinMs = WITHIN_MS }: CommandWish): Promise<Buffer> {
  const [program = '', ...args] = command
  // It has no use for another key, and neither have those that it starts.
  const { ATLAS_MASTER_KEY: _, ATLAS_NEW_MASTER_KEY: __, ...rest } = env
  const failed = (why: string, said = ''): VaultError => new VaultError(`vault.key_command ${program} ${why}${said === '' ? '' : `: ${said}`}`)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let errors = ''
    let over = false
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, args, { cwd: folder, env: rest, shell: false, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const end = (error: VaultError | undefined): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      if (child.pid !== undefined) killGroup(child.pid)
      child.stdout.destroy()
      child.stderr.destroy()
      const output = Buffer.concat(chunks)
      for (const chunk of chunks) chunk.fill(0)
      if (error === undefined) return resolve(output)
      output.fill(0)
      reject(error)
    }
    const timer = setTimeout(() => end(failed(`printed no key within ${withinMs / 1000} s`, plain(errors))), withinMs)
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > MOST_OUTPUT_BYTES) end(failed(`printed more than ${MOST_OUTPUT_BYTES} bytes; expected 64 hex digits`))
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (errors.length < MOST_ERROR_CHARACTERS) errors += chunk.toString('utf8')
    })
    child.on('error', (error) => end(failed(`cannot be run (${codeOf(error)}); expected a program and its arguments as a list, without a shell`)))
    child.on('close', (status, signal) => end(status === 0 ? undefined : failed(`ended with ${signal ?? `status ${status}`}`, plain(errors))))
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended with all that it started.
  }
}

/** On one line, and nothing in it that a terminal would obey. */
const plain = (text: string): string =>
  text
    .slice(0, MOST_ERROR_CHARACTERS)
    .replace(/[^\x21-\x7e]+/g, ' ')
    .trim()
