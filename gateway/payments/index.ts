/**
 * x402: what is offered, what is shown, who settles it and what became of it. Read `till.ts` first; `wire.ts` has the payment,
 * `challenge.ts` the 402, `line.ts` and `facilitator.ts` the facilitators, `fate.ts` what the chain proves, `sign-in.ts` wallets.
 */
import type { TillSettings } from '#contract'
import { type TillPorts, X402Till } from './till.ts'

export { HttpFacilitator } from './facilitator.ts'
export { checkOnline, Outlook } from './online.ts'
export { X402Till } from './till.ts'

/** One till for all who name the same terms: chains of several routes, and generations of the configuration. */
export class Tills {
  readonly #ports: Omit<TillPorts, 'upstreamTimeoutMs'>
  readonly #tills = new Map<string, X402Till>()

  constructor(ports: Omit<TillPorts, 'upstreamTimeoutMs'>) {
    this.#ports = ports
  }

  /** `upstreamTimeoutMs`: of the generation that asks. @throws Error with one sentence for the operator */
  till(settings: TillSettings, upstreamTimeoutMs: number): X402Till {
    const key = JSON.stringify([settings, upstreamTimeoutMs])
    const found = this.#tills.get(key) ?? new X402Till(settings, { ...this.#ports, upstreamTimeoutMs })
    this.#tills.set(key, found)
    return found
  }
}
