/**
 * JSON-RPC 2.0 over HTTP to an EVM node. Whatever the node says is checked before it is believed; every fault is one sentence,
 * without the node's address, which may hold a token.
 */

export class NodeError extends Error {
  override name = 'NodeError'
  /** What the node itself said; undefined where it said nothing that can be understood. */
  readonly said: string | undefined

  constructor(message: string, said?: string) {
    super(message)
    this.said = said
  }
}

/** A block with all its transactions may have some megabytes. */
const MOST_CHARACTERS = 64 * 1024 * 1024

/** A block by its number, as nodes take it. */
export const blockTag = (block: bigint): string => `0x${block.toString(16)}`

export type Json = Readonly<Record<string, unknown>>

export class NodeRpc {
  readonly #url: string
  readonly #withinMs: number
  readonly #setting: string
  #id = 0

  /** `setting`: where the configuration names the node, for the sentences. */
  constructor(url: string, withinMs: number, setting: string) {
    this.#url = url
    this.#withinMs = withinMs
    this.#setting = setting
  }

  get #node(): string {
    return `the node of ${this.#setting}`
  }

  /** @throws NodeError */
  async ask(method: string, params: readonly unknown[] = []): Promise<unknown> {
    this.#id += 1
    const id = this.#id
    const answer = objectOf(this.#parsed(method, await this.#send(method, JSON.stringify({ jsonrpc: '2.0', id, method, params }))))
    if (answer === undefined || answer.id !== id) throw new NodeError(`${this.#node} answered ${method} with something that is no JSON-RPC`)
    const error = objectOf(answer.error)
    if (error !== undefined) {
      const said = printable(error.message)
      throw new NodeError(`${this.#node} refused ${method}: ${said}`, said)
    }
    return answer.result
  }

  async #send(method: string, body: string): Promise<string> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(this.#withinMs),
      })
      let text = ''
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true })
        if (text.length > MOST_CHARACTERS) throw new NodeError(`${this.#node} answered ${method} with more than ${MOST_CHARACTERS} characters`)
      }
      if (text === '' && !response.ok) throw new NodeError(`${this.#node} answered ${method} with status ${response.status}`)
      return text
    } catch (error) {
      if (error instanceof NodeError) throw error
      const late = error instanceof Error && error.name === 'TimeoutError'
      throw new NodeError(`${this.#node} ${late ? `did not answer ${method} within ${this.#withinMs} ms` : `cannot be reached for ${method}`}`)
    }
  }

  #parsed(method: string, text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      throw new NodeError(`${this.#node} answered ${method} with something that is no JSON`)
    }
  }

  /** A quantity: 0x and hex digits. @throws NodeError */
  async number(method: string, params: readonly unknown[] = []): Promise<bigint> {
    return this.quantity(await this.ask(method, params), method)
  }

  /** A number within an answer to `method`. @throws NodeError where it is none */
  quantity(value: unknown, method: string): bigint {
    if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
      throw new NodeError(`${this.#node} answered ${method} with something that is no number`)
    return BigInt(value)
  }

  /** An object, or undefined where the node has none. @throws NodeError */
  async object(method: string, params: readonly unknown[]): Promise<Json | undefined> {
    const value = await this.ask(method, params)
    const object = objectOf(value)
    if (object === undefined && value !== null) throw new NodeError(`${this.#node} answered ${method} with something unexpected`)
    return object
  }
}

export const objectOf = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

/** Words of a node, short enough for a sentence. */
const printable = (value: unknown): string => (typeof value === 'string' && value !== '' ? value.replace(/\p{C}+/gu, ' ').slice(0, 200) : 'no reason was given')
