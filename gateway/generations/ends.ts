/**
 * The outer ends: providers with their credentials, and facilitators; the real ones, or the sandbox's play parts. They outlive the generations: each takes its
 * place at them, and leaves it when its last call is over.
 */
import type { Adapter, Connection, Facilitator, Log } from '#contract'
import type { GatewayConfig, Route } from '../../config/model.ts'
import { outboundTo } from '../engine/index.ts'
import type { Ground } from '../ground/index.ts'
import { HttpFacilitator } from '../payments/index.ts'
import type { Simulator } from '../sandbox/simulator.ts'
import { Credentials } from '../vault/index.ts'
import { Identities } from './identity.ts'

export type Secrets = ReadonlyMap<string, string | Buffer>

/** What a configuration has at the ends. */
export interface Place {
  /** With connections as they are called: simulated ones at the simulator. */
  readonly routes: readonly Route[]
  readonly connections: readonly Connection[]
}

type EndsGround = Pick<Ground, 'config' | 'clock' | 'chance' | 'log'>

const PLAY_BALANCE = 100_000_000n

export class OuterEnds {
  readonly credentials = new Credentials()
  readonly #ground: EndsGround
  readonly #identities = new Identities()
  readonly #play: Facilitator | undefined
  readonly #http = new Map<string, HttpFacilitator>()
  #starting: Promise<Simulator> | undefined
  #simulator: Simulator | undefined
  /** Name of a simulated connection -> its credential. */
  readonly #plays = new Map<string, string>()
  readonly #places = new Set<Place>()

  private constructor(ground: EndsGround, play: Facilitator | undefined) {
    this.#ground = ground
    this.#play = play
  }

  static async open(ground: EndsGround): Promise<OuterEnds> {
    return new OuterEnds(ground, ground.config.mode === 'sandbox' ? await playFacilitator(ground) : undefined)
  }

  /** By which the credential of a connection is kept. */
  identity(connection: Connection): string {
    return this.#identities.of(connection)
  }

  facilitator(urlOrSandbox: string): Facilitator {
    if (urlOrSandbox === 'sandbox') {
      if (this.#play === undefined) throw new Error('the sandbox facilitator exists in sandbox mode only')
      return this.#play
    }
    const found = this.#http.get(urlOrSandbox) ?? new HttpFacilitator(urlOrSandbox, { outboundTo, clock: this.#ground.clock })
    this.#http.set(urlOrSandbox, found)
    return found
  }

  /** Where a configuration would stand; nothing of it is there before `take`. */
  async placeOf({ connections, routes }: GatewayConfig): Promise<Place> {
    if (!connections.some(({ simulated }) => simulated)) return { routes, connections }
    this.#starting ??= simulatorOf(this.#ground)
    const simulator = await this.#starting
    this.#simulator = simulator
    const called = connections.map((one) => (one.simulated ? { ...one, baseUrl: simulator.baseUrl(one.name) } : one))
    const byName = new Map(called.map((one) => [one.name, one]))
    const of = (one: Connection): Connection => byName.get(one.name) ?? one
    return { routes: routes.map((route) => ({ ...route, connections: route.connections.map(of) })), connections: called }
  }

  /** The bytes of the secrets are cleared: a copy of them is kept here. */
  take(place: Place, { adapters, upstream }: Pick<GatewayConfig, 'adapters' | 'upstream'>, secrets: Secrets): void {
    this.#places.add(place)
    this.credentials.previousForMs = upstream.timeoutMs
    const kept = new Map<string, string | Buffer>()
    for (const connection of place.connections) {
      const identity = this.#identities.enter(connection)
      const secret = connection.simulated ? this.#simulated(connection, adapters) : secrets.get(connection.name)
      if (secret !== undefined) kept.set(identity, secret)
    }
    keep(this.credentials, kept, this.#ground.log)
    clear(secrets)
  }

  /** The last call of a configuration is over: what nobody else uses of it is forgotten. */
  leave(place: Place): void {
    this.#places.delete(place)
    const used = new Set([...this.#places].flatMap(({ connections }) => connections.map((one) => this.identity(one))))
    for (const connection of place.connections) if (!used.has(this.identity(connection))) this.credentials.forget(this.identity(connection))
  }

  /** A new credential of the vault, for all connections that name it, whichever generation they are of. The simulator's never get a real one. */
  renew(entry: string, secret: Buffer): void {
    const users = [...this.#places].flatMap(({ connections }) => connections.filter(({ vaultEntry, simulated }) => vaultEntry === entry && !simulated))
    keep(this.credentials, new Map(users.map((one) => [this.identity(one), secret])), this.#ground.log)
  }

  async close(): Promise<void> {
    const simulator = await this.#starting
    await Promise.all([...[...this.#http.values()].map((one) => one.close()), simulator?.close()])
  }

  #simulated(connection: Connection, adapters: ReadonlyMap<string, Adapter>): string {
    const { name, period } = connection
    const credential = this.#plays.get(name) ?? `play-${this.#ground.chance.hex(16)}`
    this.#plays.set(name, credential)
    const quota = period.every === 'day' ? Number.POSITIVE_INFINITY : connection.quota
    this.#simulator?.register({ name, adapter: adapters.get(connection.adapter) as Adapter, credential, quota })
    return credential
  }
}

export function clear(secrets: Secrets): void {
  for (const secret of secrets.values()) if (typeof secret === 'object') secret.fill(0)
}

/** The wallet's key of a configuration that is not taken. */
export function forget({ payout }: Pick<GatewayConfig, 'payout'>): void {
  if (typeof payout?.signer === 'object') payout.signer.fill(0)
}

function keep(credentials: Credentials, secrets: Secrets, log: Log): void {
  for (const identity of credentials.set(secrets)) {
    const connection = identity.replace(/#\d+$/, '')
    log.warn({ connection }, 'the credential is too short to be told from chance, so that answers are not searched for it; expected at least 6 characters')
  }
}

async function playFacilitator({ clock }: Pick<Ground, 'clock'>): Promise<Facilitator> {
  const sandbox = await import('../sandbox/facilitator.ts')
  return sandbox.playFacilitator({ clock, startingBalance: PLAY_BALANCE })
}

/** Simulated connections get a base URL and a credential of the simulator: a real credential never reaches it. */
async function simulatorOf({ clock }: Pick<Ground, 'clock'>): Promise<Simulator> {
  const { startSimulator } = await import('../sandbox/simulator.ts')
  return startSimulator({ clock, paced: false })
}
