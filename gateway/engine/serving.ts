/** A generation of the configuration at work: with its limits, and with the calls that it has. */
import type { Generation } from './generation.ts'
import type { EnginePorts, Landed } from './ports.ts'

/** What a call may take. */
export type CallLimits = Pick<EnginePorts, 'upstreamTimeoutMs' | 'bufferBytes' | 'concurrentPerConsumer'>

export class Serving {
  readonly generation: Generation
  /** With the limits of this generation. */
  readonly ports: EnginePorts
  readonly landed: Landed
  /** Calls under way. */
  underWay = 0

  /** `over` is called after each of its calls. */
  constructor(generation: Generation, ports: EnginePorts, over: (serving: Serving, ...ending: Parameters<Landed>) => void) {
    this.generation = generation
    this.ports = ports
    this.landed = (flight, call, ending) => {
      this.underWay -= 1
      over(this, flight, call, ending)
    }
  }

  /** How long what it has quoted is honoured once it is replaced; 0 where it quotes nothing. */
  get quoteTtlMs(): number {
    return this.generation.chains.reduce((most, { quotes }) => Math.max(most, quotes?.ttlMs ?? 0), 0)
  }

  /** Payments are settled by it, so that it may be asked what became of one. */
  get settles(): boolean {
    return this.generation.chains.some(({ settles }) => settles)
  }
}
