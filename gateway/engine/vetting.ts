/** What can be found out about a connection by asking its provider: one probe, and what is left there. Two who ask at once get one answer. */
import type { Connection, EpochMs, Probed, Vetted } from '#contract'
import { remainingHeader, remainingIn } from './counter.ts'
import type { Generation, LiveRoute } from './generation.ts'
import { probe, type ProbedWithFields, type ProbePorts } from './probe.ts'
import type { QuotaWatch } from './quota-watch.ts'
import { askUsage, usageIn } from './usage-polls.ts'

export interface VettingPorts extends ProbePorts {
  readonly watch: Pick<QuotaWatch, 'told'>
  generation(): Generation
}

export class Vetting {
  readonly #ports: VettingPorts
  readonly #underWay = new Map<string, Promise<Vetted>>()

  constructor(ports: VettingPorts) {
    this.#ports = ports
  }

  /** @throws Error for a connection that no route has */
  vet(name: string): Promise<Vetted> {
    const found = this.#underWay.get(name)
    if (found !== undefined) return found
    const vetted = this.#vet(name).finally(() => this.#underWay.delete(name))
    this.#underWay.set(name, vetted)
    return vetted
  }

  async #vet(name: string): Promise<Vetted> {
    const { clock, watch } = this.#ports
    const generation = this.#ports.generation()
    const { route, connection } = found(generation, name)
    const askedAtMs = clock.nowMs()
    const probed = await probe(this.#ports, { route, connection, generation: { number: generation.number, config: generation.config } })
    const { usage } = route.adapter.quota
    const header = remainingHeader(route.adapter)
    const tells = header !== undefined || usage !== undefined
    const remaining = (header === undefined ? undefined : inFields(probed, header)) ?? (await this.#asked(route, connection, probed))
    const state = remaining === undefined ? undefined : await watch.told(name, remaining, askedAtMs as EpochMs)
    return { probe: probed, tells, remaining, external: state?.external }
  }

  /** Its usage endpoint, unless the credential was refused just now. */
  async #asked({ adapter }: LiveRoute, connection: Connection, probed: Probed): Promise<number | undefined> {
    const { usage } = adapter.quota
    if (usage === undefined || (probed.state === 'made' && probed.meaning !== 'ok')) return undefined
    return usageIn(await askUsage(this.#ports, connection, usage), connection, usage, this.#ports.clock.nowMs())
  }
}

const inFields = ({ rawHeaders }: ProbedWithFields, header: string): number | undefined => remainingIn(rawHeaders, header)

function found(generation: Generation, name: string): { route: LiveRoute; connection: Connection } {
  for (const route of generation.routes) for (const connection of route.connections) if (connection.name === name) return { route, connection }
  throw new Error(`no route has the connection ${name}`)
}
