/** One generation of the configuration: routes, chains, operations. A reload builds the next beside it and swaps. */
import type { Adapter, Connection, PluginPorts } from '#contract'
import { Catalogue } from './catalogue.ts'
import { Chain, type Link } from './chain.ts'

export interface RouteDefinition {
  /** First segment with its slash: `/nansen`. */
  readonly prefix: string
  readonly api: string
  /** With the operations that its connections add. */
  readonly adapter: Adapter
  readonly connections: readonly Connection[]
  /** Routes that share one array share the plugins' instances. */
  readonly chain: readonly Link[]
}

export interface LiveRoute extends Omit<RouteDefinition, 'chain'> {
  readonly chain: Chain
  readonly catalogue: Catalogue
  /** Whoever has resolved a request by this route knows which configuration it belongs to. */
  readonly generation: Generation
}

/** Which configuration: its number in this process, and the digest of its text. */
export interface GenerationId {
  readonly number: number
  /** SHA-256, hex. */
  readonly config: string
}

export class Generation {
  readonly number: number
  readonly config: string
  /** Of the routes. */
  readonly prefixes: ReadonlySet<string>
  readonly #routes: ReadonlyMap<string, LiveRoute>
  readonly #chains: readonly Chain[]

  private constructor({ number, config }: GenerationId, routes: readonly Omit<LiveRoute, 'generation'>[], chains: readonly Chain[]) {
    this.number = number
    this.config = config
    this.#routes = new Map(routes.map((route) => [route.prefix, { ...route, generation: this }]))
    this.prefixes = new Set(this.#routes.keys())
    this.#chains = chains
  }

  static async create(id: GenerationId, definitions: readonly RouteDefinition[], ports: PluginPorts): Promise<Generation> {
    const chains = new Map<readonly Link[], Chain>()
    const routes: Omit<LiveRoute, 'generation'>[] = []
    try {
      for (const { chain: links, ...definition } of definitions) {
        const chain = chains.get(links) ?? (await Chain.create(links, ports))
        chains.set(links, chain)
        routes.push({ ...definition, chain, catalogue: new Catalogue(definition.adapter, definition.connections) })
      }
    } catch (error) {
      for (const chain of chains.values()) await chain.close()
      throw error
    }
    return new Generation(id, routes, [...chains.values()])
  }

  route(prefix: string): LiveRoute | undefined {
    return this.#routes.get(prefix)
  }

  get routes(): Iterable<LiveRoute> {
    return this.#routes.values()
  }

  get chains(): readonly Chain[] {
    return this.#chains
  }

  /** Of the route below which a path lies; elsewhere, of the first that speaks to browsers. */
  cors(path: string, request: { readonly origin: string; readonly preflight: boolean }): readonly string[] | undefined {
    const route = this.#routes.get(/^\/[^/?]*/.exec(path)?.[0] ?? '')
    if (route !== undefined) return route.chain.cors(request)
    for (const chain of this.#chains) {
      const headers = chain.cors(request)
      if (headers !== undefined) return headers
    }
    return undefined
  }

  connection(name: string): Connection | undefined {
    for (const route of this.#routes.values()) for (const connection of route.connections) if (connection.name === name) return connection
    return undefined
  }

  async close(): Promise<void> {
    for (const chain of this.#chains) await chain.close()
  }
}
