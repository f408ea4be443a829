/** A copy of the whole repository in which modules are changed and tests run: no mutant ever stands in the sources or in dist. */

import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What is not copied: the packages are looked up where they are, the rest is nobody's source. */
const NOT_COPIED = new Set(['node_modules', '.git', '.tap', 'data'])

export type End = 'passed' | 'failed' | 'too long'

export interface Ran {
  readonly end: End
  readonly tookMs: number
  /** The last of what it said, for a test that fails by itself. */
  readonly said: string
}

export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'mutants-'))
  /** Of the tests that run here, so that what a killed one leaves is removed. */
  readonly #scraps = join(this.folder, '.t')
  #running: ChildProcess | undefined

  constructor(root: string) {
    for (const name of readdirSync(root)) {
      if (!NOT_COPIED.has(name)) cpSync(join(root, name), join(this.folder, name), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    // What is bundled has no mutant in it: here the command runs the single files.
    this.write('gateway/atlas.mjs', "import '../dist/test/rig/unbundled.js'\n")
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8')
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text)
  }

  /** One test file of dist, to its first failure. What it started goes with it. */
  run(test: string, limitMs: number, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    mkdirSync(this.#scraps, { recursive: true, mode: 0o755 })
    const begun = performance.now()
    const child = spawn(process.execPath, [join(this.folder, test)], {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      // How long is too long is said here: a slow machine's timeout would look like a test that noticed something.
      env: { ...process.env, TAP_BAIL: '1', TAP_TIMEOUT: '600', TMPDIR: this.#scraps, ...env },
    })
    this.#running = child
    let said = ''
    const hear = (part: Buffer): void => {
      said = `${said}${part}`.slice(-4_000)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    return new Promise((resolve) => {
      let late = false
      const timer = setTimeout(() => {
        late = true
        this.#end()
      }, limitMs)
      // Not `close`: what the test left running may hold the pipes open.
      child.once('exit', (code) => {
        clearTimeout(timer)
        this.#end()
        rmSync(this.#scraps, { recursive: true, force: true, maxRetries: 5 })
        resolve({ end: late ? 'too long' : code === 0 ? 'passed' : 'failed', tookMs: performance.now() - begun, said })
      })
    })
  }

  close(): void {
    this.#end()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** The test and all of its children. */
  #end(): void {
    const pid = this.#running?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Nothing of it runs any more.
    }
  }
}
