/** Everybody who asks the soaked gateway, at an even rate that does not wait for it. Keeps what each call was told, for the comparison at the end. */
import { Agent } from 'undici'
import type { Teardown } from '../rig/folder.ts'
import { type Asked, type Call, isUncertain, send, type Told } from './calls.ts'
import { askedOf, habitOf, type People } from './habits.ts'
import { outcomeOf, strangeIn } from './outcomes.ts'
import { askTool } from './tools.ts'
import type { Wallets } from './wallets.ts'

/** Where the gateway is at the moment, and which of its lives this is. */
export interface Place {
  readonly url: string
  readonly life: number
}

export interface ConsumersWish {
  readonly people: People
  readonly wallets: Wallets
  readonly place: () => Place
  readonly random: () => number
  readonly rate: number
}

const TICK_MS = 10
/** More than that are not under way at once: a gateway that stands still is not buried. */
const MOST_AT_ONCE = 300
/** So many of the last named answers may be asked for again. */
const REPLAYABLE = 400
const AGAIN_AT_ONCE = 16
const DRAIN_MS = 60_000

export class Consumers {
  /** Those that may have been charged, or may have taken units. */
  readonly calls: Call[] = []
  readonly wrong: string[] = []
  /** By kind and outcome. */
  readonly counts = new Map<string, number>()
  /** Units of calls of which nobody knows how they ended, by API; since somebody took them. */
  uncertainUnits = new Map<string, number>()
  asked = 0
  charged = 0
  skipped = 0
  /** Factor on the rate. */
  haste = 1
  readonly #wish: ConsumersWish
  readonly #agent: Agent
  readonly #replayable: Call[] = []
  #underWay = 0
  #timer: NodeJS.Timeout | undefined
  #lastMs = 0
  #due = 0

  constructor(t: Teardown, wish: ConsumersWish) {
    this.#wish = wish
    this.#agent = new Agent({ connections: 128, pipelining: 1 })
    t.teardown(() => {
      clearInterval(this.#timer)
      return this.#agent.destroy()
    })
  }

  start(): void {
    this.#lastMs = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Nobody begins anything; resolves when what was under way is over. */
  async pause(): Promise<void> {
    clearInterval(this.#timer)
    const untilMs = performance.now() + DRAIN_MS
    while (this.#underWay > 0) {
      if (performance.now() > untilMs) throw new Error(`${this.#underWay} calls are under way ${DRAIN_MS} ms after the last began`)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
  }

  #tick(): void {
    const now = performance.now()
    this.#due += ((now - this.#lastMs) * this.#wish.rate * this.haste) / 1000
    this.#lastMs = now
    for (; this.#due >= 1; this.#due -= 1) {
      if (this.#underWay >= MOST_AT_ONCE) this.skipped += 1
      else void this.#begin()
    }
  }

  async #begin(): Promise<void> {
    this.#underWay += 1
    try {
      await this.#one(habitOf(this.#wish.random))
    } catch (error) {
      this.wrong.push(`a consumer failed: ${error instanceof Error ? error.stack : error}`)
    } finally {
      this.#underWay -= 1
    }
  }

  async #one(kind: string): Promise<void> {
    const { people, wallets, random, place } = this.#wish
    const { url, life } = place()
    const number = this.asked
    this.asked += 1
    if (kind === 'replay') return this.#replay(url)
    if (kind === 'wallet') return this.#took(await wallets.pay(url, number, life))
    if (kind === 'purchase') {
      const { told, buyer } = await wallets.buy(url)
      if (buyer !== undefined) people.buyers.push(buyer)
      return this.#count('purchase', told)
    }
    const asked = askedOf(kind === 'mcp' ? 'search' : kind, number, people, random)
    if (kind === 'mcp') return this.#took({ ...asked, kind, name: undefined, ...(await askTool(this.#agent, url, asked)), life })
    if (kind === 'twins') return this.#twins(url, asked, life)
    this.#took({ ...asked, ...(await send(this.#agent, url, asked)), life })
  }

  #took(call: Call): void {
    this.#count(call.kind, call)
    if (call.units === 0) return
    this.calls.push(call)
    if (call.receipt !== undefined) this.charged += 1
    const strange = strangeIn(call)
    if (strange !== undefined) this.wrong.push(strange)
    if (isUncertain(call) || call.code === 'upstream_timeout') this.#uncertain(call)
    if (call.name === undefined || call.status !== 200 || !call.whole || call.spender?.credits === undefined) return
    this.#replayable.push(call)
    if (this.#replayable.length > REPLAYABLE) this.#replayable.shift()
  }

  #uncertain({ path, units }: Asked): void {
    const api = path.split('/', 2)[1] as string
    this.uncertainUnits.set(api, (this.uncertainUnits.get(api) ?? 0) + units)
  }

  #count(kind: string, told: Told): void {
    const row = `${kind}: ${outcomeOf(told)}`
    this.counts.set(row, (this.counts.get(row) ?? 0) + 1)
  }

  /** What was answered is answered again. */
  async #replay(url: string): Promise<void> {
    const first = this.#replayable[Math.floor(this.#wish.random() * this.#replayable.length)]
    if (first === undefined) return
    const told = await send(this.#agent, url, first)
    this.#count('replay', told)
    const same = told.replayed && told.digest === first.digest && told.receipt === first.receipt && told.price === first.price
    if (told.status === 200 && told.whole ? !same : !isUncertain(told) && told.status !== 'down')
      this.wrong.push(`call ${first.number} was ${first.receipt}, and is ${outcomeOf(told)} ${told.receipt ?? ''} on its replay`)
  }

  /** The same call twice at once is one call. */
  async #twins(url: string, asked: Asked, life: number): Promise<void> {
    const [one, other] = await Promise.all([send(this.#agent, url, asked), send(this.#agent, url, asked)])
    this.#count('twin', other)
    if (one.status === 200 && other.status === 200 && one.whole && other.whole && (one.receipt !== other.receipt || one.digest !== other.digest))
      this.wrong.push(`twins ${asked.number}: ${one.receipt} and ${other.receipt}`)
    if (isUncertain(other)) this.#uncertain(asked)
    this.#took({ ...asked, ...(other.status === 200 && one.status !== 200 ? other : one), life })
  }

  /** Named calls whose outcome nobody was told are asked once more each; those that are still open. */
  async settle(): Promise<readonly Call[]> {
    const { url } = this.#wish.place()
    const open = this.#openNamed()
    const rest = [...open]
    const one = async (): Promise<void> => {
      for (let call = rest.pop(); call !== undefined; call = rest.pop()) {
        Object.assign(call, await send(this.#agent, url, { ...call, leavesAfterMs: undefined }))
        const strange = strangeIn(call)
        if (strange !== undefined) this.wrong.push(strange)
      }
    }
    await Promise.all(Array.from({ length: AGAIN_AT_ONCE }, one))
    return open.filter((call) => isUncertain(call) || call.status === 'down')
  }

  #settledUpTo = 0
  #openNamed(): Call[] {
    const fresh = this.calls.slice(this.#settledUpTo).filter((call) => call.name !== undefined && call.spender !== undefined && isUncertain(call))
    return fresh
  }

  /** All that were open have been settled: they are not looked at again. */
  settled(): void {
    this.#settledUpTo = this.calls.length
  }
}
