/** What a call is told whose plugin failed. */
import { type Refusal, refuse } from '#contract'

export const failed = (plugin: string, cause: unknown): Refusal =>
  refuse('unavailable', 'a part of the gateway failed; nothing was charged', { cause: { plugin, error: cause } })

/** A hook that failed after the reservation, with what the consumer is told. */
export class HookError extends Error {
  override name = 'HookError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super('a hook failed', { cause: refusal.cause })
    this.refusal = refusal
  }
}
