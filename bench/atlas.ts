/** This gateway as a process of its own in a temporary folder: started, asked by its admin port and by its command, stopped. */

import type { ChildProcess } from 'node:child_process'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, hasEnded, listenTo, root, startCommand, stop, temporaryFolder } from './process.ts'

const ATLAS = join(root, 'gateway/atlas.mjs')
const READY_MS = 120_000
const LOOK_EVERY_MS = 5
const run = promisify(execFile)

export class Atlas {
  readonly port: number
  readonly #adminPort: number
  readonly #file: string
  #child: ChildProcess | undefined
  #said = (): string => 'nothing'

  private constructor(folder: string, ports: readonly [number, number]) {
    ;[this.port, this.#adminPort] = ports
    this.#file = join(folder, 'gateway.config.yml')
  }

  static async in(folder: string, configuration: string): Promise<Atlas> {
    const atlas = new Atlas(folder, [await freePort(), await freePort()])
    writeFileSync(atlas.#file, configuration)
    return atlas
  }

  static fresh(configuration: string): Promise<Atlas> {
    return Atlas.in(temporaryFolder(), configuration)
  }

  get pid(): number {
    return this.#child?.pid as number
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, PORT: String(this.port), ADMIN_PORT: String(this.#adminPort) }
  }

  /** @returns ms from the start of the process to the first 200 of GET /healthz @param preload a module that it loads first */
  async start(preload?: string): Promise<number> {
    const loaded = preload === undefined ? {} : { NODE_OPTIONS: `--import=${new URL(preload, import.meta.url).href}` }
    const fromMs = performance.now()
    const child = startCommand(process.execPath, [ATLAS, 'start', '--config', this.#file], { env: { ...this.#env, ...loaded } })
    this.#child = child
    this.#said = listenTo(child)
    while (!(await isHealthy(this.port))) {
      if (hasEnded(child)) throw new Error(`the gateway ended before it was ready; it said: ${this.#said()}`)
      if (performance.now() - fromMs > READY_MS) throw new Error(`the gateway was not ready within ${READY_MS / 1000} s; it said: ${this.#said()}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
    return performance.now() - fromMs
  }

  /** A command that answers JSON. */
  async json<T>(...args: string[]): Promise<T> {
    const { stdout } = await run(process.execPath, [ATLAS, ...args, '--json', '--config', this.#file], { env: this.#env, cwd: root, maxBuffer: 2 ** 24 })
    return JSON.parse(stdout) as T
  }

  /** What `atlas check` says besides good. */
  async check(): Promise<string> {
    const { stdout, stderr } = await run(process.execPath, [ATLAS, 'check', '--config', this.#file], { env: this.#env, cwd: root })
    return `${stdout}${stderr}`
  }

  /** A consumer's key with credit, or an owner's. */
  async createKey(what: { readonly credits: string } | { readonly owner: string }): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/api/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(what),
    })
    const { key } = (await answer.json()) as { key?: unknown }
    if (typeof key !== 'string') throw new Error(`POST /api/keys answered ${answer.status} without a key`)
    return key
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await stop(this.#child)
  }
}

const isHealthy = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get({ port, host: '127.0.0.1', path: '/healthz', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.once('error', () => resolve(false))
  })
