/** One soak from its start to its verdict: load, faults, reloads and restarts, and again and again a quiet moment in which everything is compared. */
import { atlas } from '../rig/atlas.ts'
import type { Teardown } from '../rig/folder.ts'
import { randomFrom } from '../rig/random.ts'
import type { Spender } from './calls.ts'
import type { Break } from './broken.ts'
import { booksOf } from './books.ts'
import { Beyond, figuresOf, heldOf, moneyOf, unitsOf, usedOf } from './checks.ts'
import { Consumers } from './consumers.ts'
import { type Driver, type Ground, openGround } from './grounds.ts'
import { growthOf } from './growth.ts'
import type { People } from './habits.ts'
import { Machine } from './machine.ts'
import { peopleOf } from './people.ts'
import { type SoakProvider, startSoakProvider } from './provider.ts'
import { filesOf, processOf, type Sample } from './samples.ts'
import { type Verdict, verdictOf } from './verdict.ts'
import { Wallets } from './wallets.ts'

export interface SoakWish {
  readonly driver: Driver
  readonly seed: number
  readonly ms: number
  /** Calls a second. */
  readonly rate: number
  /** Between two things that happen to the gateway. */
  readonly beatMs?: number
  /** How long figures may take to agree once nobody asks for anything. */
  readonly agreeWithinMs?: number
  /** The control: what is broken in the gateway on purpose. */
  readonly breaks?: Break
  readonly say?: (text: string) => void
}

/** So much of the time the gateway dies and is stopped again and again; the rest is one life, which shows what grows. */
const RESTARTS_UNTIL = 0.35
const DYING = ['reload', 'bad', 'reload', 'bad', 'reload', 'bad', 'fault', 'burst', 'kill', 'reload', 'stop', 'bad'] as const
const LIVING = ['reload', 'bad', 'reload', 'bad', 'reload', 'bad', 'fault', 'burst', 'fault', 'reload', 'bad', 'nothing'] as const
type Event = (typeof DYING)[number] | (typeof LIVING)[number]
const SAMPLE_MS = 2_000
/** Holds of a dead process are swept after five seconds. */
const AGREE_WITHIN_MS = 30_000
const HASTE = 3
const MOST_WRONG = 50

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export class Soak {
  readonly machine: Machine
  readonly provider: SoakProvider
  readonly ground: Ground
  readonly wish: SoakWish
  readonly wrong: string[] = []
  readonly samples: Sample[] = []
  readonly quiet: Sample[] = []
  readonly faults = new Map<string, number>()
  readonly #random: () => number
  readonly #beyond = new Beyond()
  readonly #beganMs = performance.now()
  #people: People | undefined
  #consumers: Consumers | undefined

  private constructor(wish: SoakWish, random: () => number, parts: { machine: Machine; provider: SoakProvider; ground: Ground }) {
    this.wish = wish
    this.#random = random
    this.machine = parts.machine
    this.provider = parts.provider
    this.ground = parts.ground
  }

  static async open(t: Teardown, wish: SoakWish): Promise<Soak> {
    const random = randomFrom(wish.seed)
    const ground = await openGround(t, wish.driver)
    const provider = await startSoakProvider(t, randomFrom(wish.seed + 1))
    const machine = new Machine(t, { providerUrl: provider.url, ground: ground.config, random, breaks: wish.breaks })
    await machine.start()
    const soak = new Soak(wish, random, { machine, provider, ground })
    soak.#people = await peopleOf(machine)
    soak.#consumers = new Consumers(t, {
      people: soak.people,
      wallets: new Wallets(),
      place: () => machine.place,
      random: randomFrom(wish.seed + 2),
      rate: wish.rate,
    })
    return soak
  }

  get people(): People {
    return this.#people as People
  }

  get consumers(): Consumers {
    return this.#consumers as Consumers
  }

  get seconds(): number {
    return (performance.now() - this.#beganMs) / 1000
  }

  get spenders(): readonly Spender[] {
    const { rich, poor, buyers, owner, leaver, clumsy } = this.people
    return [...rich, poor, ...buyers, owner, leaver, clumsy]
  }

  differences(): string[] {
    return [...this.wrong, ...this.machine.wrong, ...this.consumers.wrong]
  }

  async run(): Promise<Verdict> {
    const { ms, beatMs = 5_000, say = () => undefined } = this.wish
    let told = 0
    const sampling = setInterval(() => void this.#sample(), SAMPLE_MS)
    try {
      while (this.seconds * 1000 < ms && this.differences().length < MOST_WRONG) {
        const events: Event[] = [...(this.seconds * 1000 < ms * RESTARTS_UNTIL ? DYING : LIVING)].sort(() => this.#random() - 0.5)
        this.provider.moody()
        this.consumers.start()
        for (const event of events) await this.#beat(event, beatMs)
        await this.#quiet()
        const found = this.differences()
        say(`${Math.round(this.seconds)} s, ${this.consumers.asked} calls, life ${this.machine.life}, ${found.length} differences`)
        for (const text of found.length > told ? found : []) say(`  ${text}`)
        told = found.length
      }
    } finally {
      clearInterval(sampling)
    }
    return this.#end()
  }

  async #beat(event: Event, beatMs: number): Promise<void> {
    const { machine, consumers } = this
    const names = Object.keys(this.ground.faults)
    if (event === 'reload' || event === 'bad') await machine.reload(event === 'bad')
    else if (event === 'burst') consumers.haste = HASTE
    else if (event === 'fault' && names.length > 0) {
      const name = names[Math.floor(this.#random() * names.length)] as string
      this.faults.set(name, (this.faults.get(name) ?? 0) + 1)
      await this.ground.faults[name]?.(this.#random)
    } else if (event === 'kill' || event === 'stop') {
      await machine.end(event === 'kill' ? 'SIGKILL' : 'SIGTERM')
      await machine.start()
    }
    await pause(beatMs)
    consumers.haste = 1
  }

  async #sample(): Promise<void> {
    const { machine } = this
    const outside = processOf(machine.started.pid)
    const { inside } = machine
    if (outside === undefined || inside === undefined) return
    const { heap, external, timers, sockets, delayP99, delayMax } = inside
    const counts = { calls: this.consumers.asked, charged: this.consumers.charged, reloads: machine.counts.reloads + machine.counts.refused }
    const ground = { redisBytes: 0, outbox: 0, postgresBytes: 0 }
    const sample = {
      at: this.seconds,
      life: machine.life,
      ...counts,
      ...outside,
      ...{ heap, external, timers, sockets, delayP99, delayMax },
      files: filesOf(machine.data),
    }
    this.samples.push({ ...sample, ...ground })
  }

  /** Nobody asks for anything; everything is compared. */
  async #quiet(): Promise<void> {
    const { machine, consumers, provider, ground } = this
    provider.calm()
    await consumers.pause()
    await machine.quiet()
    await this.#settle()
    const untilMs = performance.now() + (this.wish.agreeWithinMs ?? AGREE_WITHIN_MS)
    for (;;) {
      const found = await this.#compared()
      if (found.length === 0 || performance.now() > untilMs) {
        const at = `${Math.round(this.seconds)} s`
        this.wrong.push(...found.map((text) => `${at}: ${text}`))
        break
      }
      await pause(250)
    }
    this.#beyond.keep(usedOf(await figuresOf(machine)), this.#beyondParts())
    consumers.uncertainUnits = new Map()
    await machine.collected()
    await this.#sample()
    const last = this.samples.at(-1)
    if (last !== undefined) this.quiet.push({ ...last, ...(await ground.figures()) })
  }

  /** Named calls have their answers, as often as one has to ask for them. */
  async #settle(): Promise<void> {
    const untilMs = performance.now() + AGREE_WITHIN_MS
    for (;;) {
      const open = await this.consumers.settle()
      if (open.length === 0) break
      if (performance.now() > untilMs) {
        this.wrong.push(`${open.length} named calls have no answer, such as ${open[0]?.number}: ${open[0]?.code ?? open[0]?.status}`)
        break
      }
      await pause(100)
    }
    this.consumers.settled()
  }

  async #compared(): Promise<string[]> {
    const { machine, provider, ground, spenders, consumers } = this
    const figures = await figuresOf(machine)
    return [
      ...unitsOf(figures, provider),
      ...this.#beyond.differences(usedOf(figures), this.#beyondParts()),
      ...(await moneyOf(machine, figures, spenders, consumers.calls)),
      ...(await heldOf(ground)),
    ]
  }

  #beyondParts() {
    const { provider, consumers, machine, ground } = this
    return { provider, uncertain: consumers.uncertainUnits, kills: machine.counts.kills, lostAtKill: ground.lostAtKill }
  }

  /** As the operator would look, while it runs; then the last stop, and the books by themselves. */
  async #end(): Promise<Verdict> {
    const { machine, consumers, spenders } = this
    const asked = async (...args: string[]): Promise<unknown> => {
      const { status, stdout, stderr } = await atlas([...args, '--json', '--config', machine.file], { env: { ...machine.started.env, PORT: '0' } })
      if (status !== 0) this.wrong.push(`atlas ${args.join(' ')} ended with ${status}: ${stdout.slice(0, 1000)}${stderr.slice(0, 1000)}`)
      return status === 0 ? JSON.parse(stdout) : undefined
    }
    // Commands read it, too.
    machine.mend()
    const verified = await asked('ledger', 'verify')
    const report = await asked('report')
    await machine.end('SIGTERM')
    const books = await booksOf({ file: machine.file, spenders, calls: consumers.calls, killed: machine.killed })
    const longest = this.quiet.filter(({ life }) => life === this.quiet.at(-1)?.life)
    const growth = growthOf(longest, this.wish.ms)
    const wrong = [...this.differences(), ...books.wrong, ...growth.wrong]
    return verdictOf({ soak: this, growth, books: books.figures, operator: { verified, report }, wrong })
  }
}

export async function soak(t: Teardown, wish: SoakWish): Promise<Verdict> {
  return (await Soak.open(t, wish)).run()
}
