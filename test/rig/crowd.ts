/** Many clients that spend credits of a few keys, named and unnamed, until they are told to stop or the gateway is gone; each call is kept. */
import { Agent } from 'undici'

export interface Spender {
  readonly id: string
  readonly key: string
}

export interface CrowdCall {
  /** Of all calls of the run; the provider sees it. */
  readonly number: number
  readonly api: string
  readonly operation: 'search' | 'write'
  readonly spender: Spender
  readonly name: string | undefined
  /** `open`: the connection ended before an answer. */
  status: number | 'open'
  receipt: string | undefined
  price: string | undefined
  code: string | undefined
  body: string
  replayed: boolean
}

export interface CrowdWish {
  readonly apis: readonly string[]
  readonly spenders: readonly Spender[]
  readonly clients: number
  readonly random: () => number
}

export class Crowd {
  readonly calls: CrowdCall[] = []
  readonly #wish: CrowdWish
  answered = 0
  #waiting: { count: number; done: () => void }[] = []

  constructor(wish: CrowdWish) {
    this.#wish = wish
  }

  /** Resolves once so many calls of the run have been answered with 200. */
  reached(count: number): Promise<void> {
    return this.answered >= count ? Promise.resolve() : new Promise((done) => this.#waiting.push({ count, done }))
  }

  /** Clients come to these gateways until `stopped` says so; each ends at the first connection that breaks. */
  async spend(urls: readonly string[], stopped: () => boolean): Promise<void> {
    const agent = new Agent({ connections: this.#wish.clients })
    const client = async (_: unknown, index: number): Promise<void> => {
      const url = urls[index % urls.length] as string
      while (!stopped()) {
        const call = this.#next()
        this.calls.push(call)
        await send(agent, url, call)
        if (call.status === 'open') return
        this.#count(call)
        if (call.status === 503) await backOff()
      }
    }
    await Promise.all(Array.from({ length: this.#wish.clients }, client))
    await agent.destroy()
  }

  /** Sends these once more, some at a time. */
  async again(url: string, calls: readonly CrowdCall[]): Promise<void> {
    const agent = new Agent({ connections: this.#wish.clients })
    const rest = [...calls]
    const client = async (): Promise<void> => {
      for (let call = rest.pop(); call !== undefined; call = rest.pop()) {
        await send(agent, url, call)
        this.#count(call)
        if (call.code === 'unavailable') await backOff()
      }
    }
    await Promise.all(Array.from({ length: this.#wish.clients }, client))
    await agent.destroy()
  }

  #next(): CrowdCall {
    const { random, apis, spenders } = this.#wish
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const number = this.calls.length
    return {
      ...{ number, api: pick(apis), operation: random() < 0.7 ? 'search' : 'write', spender: pick(spenders) },
      name: random() < 0.6 ? `call number ${number}` : undefined,
      ...{ status: 'open', receipt: undefined, price: undefined, code: undefined, body: '', replayed: false },
    }
  }

  #count({ status }: CrowdCall): void {
    if (status === 200) this.answered += 1
    for (const { count, done } of this.#waiting) if (this.answered >= count) done()
  }
}

const BACK_OFF_MS = 20
/** As a client does that is told to come again. */
const backOff = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS))

async function send(dispatcher: Agent, url: string, call: CrowdCall): Promise<void> {
  const write = call.operation === 'write'
  try {
    const response = await dispatcher.request({
      origin: url,
      path: `/${call.api}/${call.operation}${write ? '' : `?q=${call.number}`}`,
      method: write ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${call.spender.key}`,
        ...(call.name === undefined ? {} : { 'idempotency-key': call.name }),
        ...(write ? { 'content-type': 'application/json' } : {}),
      },
      ...(write ? { body: JSON.stringify({ text: String(call.number) }) } : {}),
    })
    const body = await response.body.text()
    const header = (name: string): string | undefined => response.headers[name]?.toString()
    call.status = response.statusCode
    call.receipt = header('x-atlas-receipt')
    call.price = header('x-atlas-price')
    call.replayed = header('x-atlas-replayed') === 'true'
    call.code = response.statusCode === 200 ? undefined : (JSON.parse(body) as { code?: string }).code
    call.body = body
  } catch {
    call.status = 'open'
  }
}
