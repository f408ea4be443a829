/** What is found out about a connection before it goes on sale. */

import type { FailureMeaning } from './adapter.ts'

/** One real call, counted as the owner's own use. */
export type Probed =
  /** Nothing was sent: no operation fits, or no unit is left. */
  | { readonly state: 'not-made'; readonly why: string }
  | {
      readonly state: 'made'
      readonly operation: string
      readonly meaning: FailureMeaning | 'ok' | 'timeout' | 'broken'
      readonly status: number | undefined
      readonly tookMs: number
    }

export interface Vetted {
  readonly probe: Probed
  /** Does the provider tell at all what is left? */
  readonly tells: boolean
  /** What it told now, in units. */
  readonly remaining: number | undefined
  /** Units that it counts beyond ours, after it told. */
  readonly external: number | undefined
}
