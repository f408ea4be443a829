/** Where else a call may go when a connection has not served it: the first of the others that the store lets serve. */
import type { Alternative, UnitsFate } from '#contract'
import type { EngineCall } from './call.ts'
import type { EnginePorts } from './ports.ts'
import type { Paying } from './settle.ts'

export interface Stranded {
  readonly hold: string
  readonly payer: Paying
  /** What becomes of the units of the one that did not serve. */
  readonly fate: UnitsFate
  /** Names of those that are out; the next ones join them. */
  readonly tried: Set<string>
  /** The call is still waiting for it. */
  readonly waits: () => boolean
}

/** Undefined at once where there is nobody else to ask. The price never rises: the store sees to that. */
export function elsewhere(ports: EnginePorts, call: EngineCall, stranded: Stranded): Promise<Alternative | undefined> | undefined {
  const first = nextOf(ports, call, stranded)
  return first === undefined ? undefined : switched(ports, call, stranded, first)
}

/**
 * Where the answer to a `switch` is lost nobody knows which of the two holds the unit, and it is the same: the first has not
 * served and bills nothing (`mayFailOver`), the second was not asked. The store takes the release behind the move, so that the
 * unit comes back from wherever it is.
 */
async function switched(ports: EnginePorts, call: EngineCall, stranded: Stranded, first: Alternative): Promise<Alternative | undefined> {
  const { hold, fate, tried, waits } = stranded
  for (let next: Alternative | undefined = first; next !== undefined; next = nextOf(ports, call, stranded)) {
    tried.add(next.connection)
    const switching = ports.store.switch(hold, next, fate)
    const isDone = switching instanceof Promise ? await ports.patience.within(switching, () => undefined) : switching
    if (isDone || !waits()) return next
  }
  return undefined
}

function nextOf({ health }: EnginePorts, call: EngineCall, { payer, tried }: Stranded): Alternative | undefined {
  return call.price.alternatives.find((one) => !tried.has(one.connection) && (payer.by !== 'owner' || one.owner === payer.owner) && health.mayFollow(call, one))
}
