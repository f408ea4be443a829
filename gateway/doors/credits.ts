/** /credits and /credits/key on the public port: who asks, by key or by signature, and what the desk answers. */
import { formatUsd, isRefusal, type KeyRecord, type Refusal, refuse, sha256, shownKey, type Till, type Usd, whyKeyIsBad } from '#contract'
import type { Incoming, problemOf, Sink } from '../engine/index.ts'
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
  readonly #till: Till | undefined
  readonly #desk: CreditDesk | undefined

  constructor(gateway: Gateway, office: Office) {
    this.#gateway = gateway
    this.#office = office
    const till = gateway.tills.all[0]
    this.#till = till
    const { ground, engine } = gateway
    const parts = { ground, origin: () => engine.origin, unitPrice: (api: string) => unitPriceOf(gateway, api), unknown: () => engine.unknown() }
    this.#desk = till === undefined ? undefined : new CreditDesk({ ...parts, till })
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
    const headers = ['content-type', 'application/json', 'cache-control', 'no-store', 'x-content-type-options', 'nosniff', 'x-request-id', request.id]
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
    if (method === 'POST') return this.#desk === undefined ? NOT_SOLD : this.#desk.buy(request, holder?.key)
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
    if (header === undefined || this.#till === undefined) return undefined
    const signedIn = this.#till.knownSignIn(header) ?? (await this.#till.signIn(header))
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
    const { engine } = this.#gateway
    const resource = { url: `${engine.origin}/credits/key`, description: 'A key for the credits of a wallet' }
    const offer = this.#till?.challenge(resource, SHOWN, 'sign in with the wallet')
    return unauthenticated('sign in with the wallet whose credits the key shall spend (SIGN-IN-WITH-X)', offer?.headers)
  }
}

/** Nothing is sold there; the challenge is for its sign-in. */
const SHOWN = 10_000n as Usd
const NOT_SOLD = refuse('unknown_route', 'no credits are sold here')

const unauthenticated = (detail: string, more: Readonly<Record<string, string>> = {}): Refusal =>
  refuse('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer', ...more } })

/** Cheapest price of one unit; undefined where the API is not on sale. */
function unitPriceOf({ engine }: Gateway, api: string): Usd | undefined {
  let cheapest: bigint | undefined
  for (const route of engine.generation.routes) {
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
