/** The gateway of a soak as a process: its lives, its configurations, and what it is asked by the operator. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Started, startAtlas, UNBUNDLED } from '../rig/atlas.ts'
import { type Teardown, temporaryFolder } from '../rig/folder.ts'
import type { Break } from './broken.ts'
import type { Place } from './consumers.ts'
import type { Inside } from './inside.ts'
import { insideOf } from './samples.ts'
import { goodText, type ShopWish, spoiled } from './shop.ts'

export interface MachineWish extends ShopWish {
  readonly random: () => number
  /** The control breaks a promise on purpose. */
  readonly breaks?: Break | undefined
}

interface Reloaded {
  readonly taken: boolean
  readonly problems?: readonly string[]
}

const WITHIN_MS = 60_000
/** Garbage is collected twice and all objects are looked at, on a machine that may have much else to do. */
const COLLECTED_WITHIN_MS = 300_000
/** What a log may not say, on whatever level. */
const ALARMING = /unhandled|uncaught|MaxListeners|Warning:|TypeError|ReferenceError|RangeError|AssertionError|out of memory/

const url = (name: string): string => new URL(name, import.meta.url).href

export class Machine {
  readonly folder: string
  readonly file: string
  readonly wrong: string[] = []
  /** Lines of the log by level and message. */
  readonly logged = new Map<string, number>()
  /** Lives that were ended by kill -9. */
  readonly killed = new Set<number>()
  readonly counts = { reloads: 0, refused: 0, kills: 0, stops: 0 }
  life = 0
  #started: Started | undefined
  #expected = false
  #texts = 0
  readonly #wish: MachineWish
  readonly #t: Teardown
  readonly #report: string

  constructor(t: Teardown, wish: MachineWish) {
    this.#t = t
    this.#wish = wish
    this.folder = temporaryFolder(t)
    this.file = join(this.folder, 'gateway.config.yml')
    mkdirSync(join(this.folder, 'data'))
    this.#report = join(this.folder, 'inside.json')
    this.#write(this.#good())
  }

  get started(): Started {
    if (this.#started === undefined) throw new Error('the gateway has not been started')
    return this.#started
  }

  get place(): Place {
    return { url: this.started.publicUrl, life: this.life }
  }

  get inside(): Inside | undefined {
    return insideOf(this.#report, this.started.pid)
  }

  get data(): string {
    return join(this.folder, 'data')
  }

  #good(): string {
    this.#texts += 1
    return goodText(this.#wish, this.#texts, this.#wish.random)
  }

  /** In place of the one before, as editors do it. */
  #write(text: string): void {
    writeFileSync(`${this.file}.new`, text)
    renameSync(`${this.file}.new`, this.file)
  }

  /** What stands in the file can be loaded again. */
  mend(): void {
    this.#write(this.#good())
  }

  async start(): Promise<void> {
    // What is bad would end the start with a sentence.
    this.mend()
    const { breaks } = this.#wish
    const modules = [url('./inside.js'), ...(breaks === undefined ? [] : [url('./broken.js')])]
    const options = [...modules.map((module) => `--import=${module}`), '--disable-warning=ExperimentalWarning'].join(' ')
    const started = await startAtlas(this.#t, this.file, {
      ...(breaks === undefined ? {} : { command: UNBUNDLED }),
      env: { NODE_OPTIONS: options, ATLAS_SOAK_REPORT: this.#report, ATLAS_SOAK_BREAK: breaks ?? '' },
    })
    this.life += 1
    this.#expected = false
    this.#started = started
    const { life } = this
    void started.ended.then((status) => {
      if (!this.#expected && this.life === life) this.wrong.push(`life ${life} of the gateway ended by itself with ${status}: ${started.stderr().slice(-2000)}`)
    })
  }

  async end(how: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#expected = true
    if (how === 'SIGKILL') this.killed.add(this.life)
    this.counts[how === 'SIGKILL' ? 'kills' : 'stops'] += 1
    const status = await this.started.stop(how)
    if (how === 'SIGTERM' && status !== 0) this.wrong.push(`life ${this.life} was stopped, and ended with ${status}: ${this.started.stderr().slice(-2000)}`)
    this.#read()
  }

  /** The log of the life that has just ended. */
  #read(): void {
    for (const line of this.started.stderr().split('\n')) {
      if (line === '') continue
      if (ALARMING.test(line)) this.wrong.push(`the log of life ${this.life} says: ${line.slice(0, 1000)}`)
      const row = rowOf(line)
      this.logged.set(row, (this.logged.get(row) ?? 0) + 1)
    }
    for (const text of this.inside?.uncaught ?? []) this.wrong.push(`life ${this.life}: ${text}`)
  }

  /** Another configuration, taken or refused as it deserves; by the admin port or by a signal. */
  async reload(isBad: boolean): Promise<void> {
    const { random } = this.#wish
    const how = spoiled[Math.floor(random() * spoiled.length)] as (text: string) => string
    const good = this.#good()
    this.#write(isBad ? how(good) : good)
    this.counts[isBad ? 'refused' : 'reloads'] += 1
    if (random() < 0.3) return void process.kill(this.started.pid, 'SIGHUP')
    const response = await fetch(`${this.started.adminUrl}/api/reload`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    const reloaded = (await response.json()) as Reloaded
    if ((response.status === 200) === isBad)
      this.wrong.push(`a ${isBad ? 'bad' : 'good'} configuration was answered ${response.status}: ${JSON.stringify(reloaded).slice(0, 500)}`)
  }

  /** Asks the operator's port; what is out of reach for a moment is asked again. @throws Error after a minute */
  async asked<T>(path: string): Promise<T> {
    const untilMs = performance.now() + WITHIN_MS
    for (;;) {
      const response = await fetch(this.started.adminUrl + path).catch((error: Error) => ({ status: 0, text: async () => String(error.cause ?? error) }))
      const text = await response.text()
      if (response.status === 200) return JSON.parse(text) as T
      if (performance.now() > untilMs) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** All parts are in reach, and nobody is under way. */
  async quiet(): Promise<void> {
    await this.asked('/readyz')
  }

  /** Collects its garbage; how it is afterwards. */
  async collected(): Promise<Inside> {
    const before = this.inside?.collected ?? 0
    const untilMs = performance.now() + COLLECTED_WITHIN_MS
    process.kill(this.started.pid, 'SIGUSR2')
    for (;;) {
      const { inside } = this
      if (inside !== undefined && inside.collected > before) return inside
      if (performance.now() > untilMs) throw new Error('the gateway does not say how it is')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** What stands in the same place of two lines that say the same. */
function rowOf(line: string): string {
  if (line.includes('gateway.config.yml:')) return 'what is said of the configurations'
  try {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string }
    return `${level >= 50 ? 'error' : level >= 40 ? 'warn' : 'info'}: ${msg.replace(/\d+/g, 'N').slice(0, 120)}`
  } catch {
    return `plain: ${line.replace(/\d+/g, 'N').slice(0, 120)}`
  }
}
