/** How it stands with payments outside: for `atlas x402 status`, `/readyz` and `atlas check --online`. */
import type { Clock, Facilitator, Outbound } from '#contract'
import { HttpFacilitator } from './facilitator.ts'
import { healthOf, type TillHealth } from './health.ts'
import { X402Till } from './till.ts'

const KEPT_MS = 5_000

/** Asked at most every 5 s, however often somebody looks, and whenever there are other tills. */
export class Outlook {
  readonly #tills: () => readonly X402Till[]
  readonly #clock: Pick<Clock, 'nowMs'>
  #asked: { readonly atMs: number; readonly tills: readonly X402Till[]; readonly health: Promise<readonly TillHealth[]> } | undefined

  /** `tills`: those of now. */
  constructor(tills: () => readonly X402Till[], clock: Pick<Clock, 'nowMs'>) {
    this.#tills = tills
    this.#clock = clock
  }

  health(): Promise<readonly TillHealth[]> {
    const now = this.#clock.nowMs()
    const tills = this.#tills()
    if (this.#asked?.tills !== tills || now - this.#asked.atMs > KEPT_MS) this.#asked = { atMs: now, tills, health: Promise.all(tills.map(healthOf)) }
    return this.#asked.health
  }

  /** A sentence for each thing that is wrong. */
  async problems(): Promise<readonly string[]> {
    return [...new Set((await this.health()).flatMap(sentencesOf))]
  }

  async shown(): Promise<Record<string, unknown>> {
    const health = await this.health()
    const tills = this.#tills()
    return {
      networks: tills.flatMap(({ offers }, index) =>
        offers.map(({ network, asset }) => ({
          ...{ network, asset, settled: health[index]?.unsettled.includes(network) !== true },
          node: health[index]?.nodes.find((node) => node.network === network)?.problem ?? (tills[index]?.nodes.has(network) === true ? 'ok' : null),
        })),
      ),
      facilitators: [...new Set(tills.flatMap(({ facilitators }) => facilitators))].map((one) => facilitatorRow(one, health)),
    }
  }
}

const facilitatorRow = ({ state }: Facilitator, health: readonly TillHealth[]): Record<string, unknown> => ({
  ...{ name: state.name, open: state.open, last_failure: state.lastFailure ?? null },
  problem: health.flatMap(({ facilitators }) => facilitators).find(({ name }) => name === state.name)?.problem ?? null,
  verify: { ...state.verify, success_rate: rateOf(state.verify) },
  settle: { ...state.settle, success_rate: rateOf(state.settle) },
})

/** Of those that were answered at all; a refusal is the payer's. Undefined before the first. */
const rateOf = ({ asked, lost }: { readonly asked: number; readonly lost: number }): number | null => (asked === 0 ? null : (asked - lost) / asked)

const sentencesOf = ({ facilitators, nodes, unsettled }: TillHealth): string[] => [
  ...facilitators.flatMap(({ name, problem }) => (problem === undefined ? [] : [`facilitator ${name}: ${problem}`])),
  ...nodes.flatMap(({ network, problem }) => (problem === undefined ? [] : [`rpc of ${network}: ${problem}`])),
  ...unsettled.map((network) => `no facilitator settles payments on ${network}`),
]

/** What a configuration's x402-payment says, asked without a gateway. The sandbox's facilitator is inside, and well. */
export async function checkOnline(
  chains: readonly (readonly { readonly name: string; readonly settings: Readonly<Record<string, unknown>> }[])[],
  outboundTo: (url: URL) => Outbound,
): Promise<readonly string[]> {
  const found: string[] = []
  const seen = new Set<unknown>()
  for (const { name, settings } of chains.flat()) {
    if (name !== 'x402-payment' || seen.has(settings)) continue
    seen.add(settings)
    const { network, facilitator, asset, rpc } = settings as { network: string[]; facilitator: string[]; asset: never; rpc?: string[] }
    if (facilitator.includes('sandbox')) continue
    const opened: HttpFacilitator[] = []
    const till = new X402Till(
      { network, facilitator, payTo: '', asset, rpc: rpc ?? [], settleTimeoutMs: 0, upfront: false },
      {
        ...{ clock: { nowMs: () => 0 as never, monotonicNs: () => 0 }, chance: { hex: () => '' }, upstreamTimeoutMs: 0, origin: () => '' },
        facilitator: (url) => {
          const one = new HttpFacilitator(url, { outboundTo })
          opened.push(one)
          return one
        },
      },
    )
    found.push(...sentencesOf(await healthOf(till)))
    await Promise.all(opened.map((one) => one.close()))
  }
  return [...new Set(found)]
}
