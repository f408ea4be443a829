/** /credits and /credits/key on the public port: who asks, by key or by signature, and what the desk answers. */
import { formatUsd, isRefusal, type KeyRecord, type Refusal, refuse, sha256, shownKey, type Till, type Usd, whyKeyIsBad } from '#contract'
import { type Engine, type Generation, type Incoming, ownFields, type problemOf, type Sink } from '../engine/index.ts'
import type { Gateway } from '../gateway.ts'
import { CreditDesk, type Office } from '../office/index.ts'

const PATHS: Readonly<Record<string, readonly string[]>> = { '/credits': ['GET', 'POST'], '/credits/key': ['POST'] }

export interface CreditsRequest extends Incoming {
  readonly path: string
  readonly body: Uint8Array
}

/** Who may see and spend a balance. */
interface Holder {
  readonly account: string
  readonly key: KeyRecord | undefined
}

export class CreditsPages {
  readonly #gateway: Gateway
  readonly #office: Office
  /** One for each generation that sells credits. */
  readonly #desks = new WeakMap<Generation, CreditDesk>()

  constructor(gateway: Gateway, office: Office) {
    this.#gateway = gateway
    this.#office = office
  }

  /** That of the generation that serves. */
  get #till(): Till | undefined {
    return this.#gateway.tills[0]
  }

  /** Undefined: this generation sells no credits. */
  #deskOf(generation: Generation): CreditDesk | undefined {
    const found = this.#desks.get(generation)
    const [till] = this.#gateway.tillsOf(generation)
    if (found !== undefined || till === undefined) return found
    const { ground, engine } = this.#gateway
    const desk = new CreditDesk({
      ...{ ground, till, origin: () => ground.origin, unknown: () => engine.unknown() },
      unitPrice: (api) => cheapestUnit(engine, generation, api),
    })
    this.#desks.set(generation, desk)
    return desk
  }

  /** Who pays what was asked for before a reload buys it where it was asked for. */
  #desk(request: CreditsRequest): CreditDesk | undefined {
    const { engine } = this.#gateway
    const present = this.#deskOf(engine.generation)
    const honoured = engine.honoured
    if (honoured.length === 0 || present?.takes(request) === true) return present
    return honoured.map((generation) => this.#deskOf(generation)).find((desk) => desk?.takes(request) === true) ?? present
  }

  static serves(path: string): boolean {
    return Object.hasOwn(PATHS, path)
  }

  async answer(request: CreditsRequest, sink: Sink): Promise<void> {
    const answer = await this.#answer(request)
    if (isRefusal(answer)) {
      const problem = 'cause' in answer ? this.#failed(request, answer) : this.#gateway.engine.problem(request, answer)
      return sink.answer(problem.status, problem.headers, problem.body)
    }
    const headers = ['content-type', 'application/json', 'cache-control', 'no-store', ...ownFields(request.id)]
    sink.answer(200, [...headers, ...answer.headers], JSON.stringify(answer.body))
  }

  #failed(request: CreditsRequest, refusal: Refusal): ReturnType<typeof problemOf> {
    this.#gateway.engine.logFailure(request, refusal.cause)
    return this.#gateway.engine.problem(request, refusal)
  }

  async #answer(request: CreditsRequest): Promise<{ headers: readonly string[]; body: Record<string, unknown> } | Refusal> {
    const { path, method } = request
    const allowed = PATHS[path] ?? []
    if (!allowed.includes(method)) return refuse('method_not_allowed', `${path} takes ${allowed.join(' and ')}`, { headers: { allow: allowed.join(', ') } })
    const away = this.#gateway.engine.turnAway(request)
    if (away !== undefined) return away
    const holder = await this.#holder(request)
    if (isRefusal(holder)) return holder
    if (path === '/credits/key') return this.#newKey(holder)
    if (method === 'POST') return (await this.#desk(request)?.buy(request, holder?.key)) ?? NOT_SOLD
    if (holder === undefined) return unauthenticated('send the key whose balance is asked for, or sign in with the wallet')
    return { headers: [], body: await this.#office.credits(holder.account) }
  }

  /** By key, else by signature; undefined: nobody in particular. */
  async #holder(request: CreditsRequest): Promise<Holder | Refusal | undefined> {
    const { store, clock } = this.#gateway.ground
    const shown = shownKey((name) => request.header(name))
    if (shown !== undefined) {
      const key = store.keys.byHash(sha256(shown))
      const why = whyKeyIsBad(key, clock.nowMs())
      return key === undefined || why !== undefined ? unauthenticated(why ?? 'the key is unknown') : { account: key.account, key }
    }
    const header = request.header('sign-in-with-x')
    const till = this.#till
    if (header === undefined || till === undefined) return undefined
    const signedIn = till.knownSignIn(header) ?? (await till.signIn(header))
    if ('why' in signedIn) return unauthenticated(signedIn.why)
    if ('lost' in signedIn) return refuse('unavailable', 'the signature of the wallet cannot be checked now', { cause: signedIn.lost, retryAfterSeconds: 5 })
    return { account: `wallet:${signedIn.wallet}`, key: undefined }
  }

  async #newKey(holder: Holder | undefined): Promise<{ headers: readonly string[]; body: Record<string, unknown> } | Refusal> {
    if (this.#till === undefined) return NOT_SOLD
    if (holder === undefined || holder.key !== undefined) return this.#signInFirst()
    const { account } = holder
    const balance = await this.#gateway.ground.admin.balance(account)
    if (balance <= 0n) return refuse('insufficient_credits', 'this wallet has no credits; POST /credits sells them')
    const { id, key } = await this.#office.keys.createForWallet(account)
    return { headers: [], body: { id, key, wallet: account.slice('wallet:'.length), balance: formatUsd(balance) } }
  }

  /** With what a wallet signs, so that no other request is needed for it. */
  #signInFirst(): Refusal {
    const resource = { url: `${this.#gateway.ground.origin}/credits/key`, description: 'A key for the credits of a wallet' }
    const offer = this.#till?.challenge(resource, SHOWN, 'sign in with the wallet')
    return unauthenticated('sign in with the wallet whose credits the key shall spend (SIGN-IN-WITH-X)', offer?.headers)
  }
}

/** Nothing is sold there; the challenge is for its sign-in. */
const SHOWN = 10_000n as Usd
const NOT_SOLD = refuse('unknown_route', 'no credits are sold here')

const unauthenticated = (detail: string, more: Readonly<Record<string, string>> = {}): Refusal =>
  refuse('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer', ...more } })

/** Price of one unit where it is cheapest; undefined where the API is not on sale. */
function cheapestUnit(engine: Engine, generation: Generation, api: string): Usd | undefined {
  let cheapest: bigint | undefined
  for (const route of generation.routes) {
    if (route.api !== api) continue
    for (const entry of route.catalogue.entries) {
      const alternative = engine.quote(route, entry)?.alternative
      if (alternative === undefined || alternative.units === 0) continue
      const units = BigInt(alternative.units)
      const price = alternative.unitPrice ?? (alternative.price + units - 1n) / units
      if (cheapest === undefined || price < cheapest) cheapest = price
    }
  }
  return cheapest as Usd | undefined
}
