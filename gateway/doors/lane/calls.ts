/** What becomes of a plain call: the same as `#api` of the public door, of a request that is there as a whole. */
import type { BlockList } from 'node:net'
import { isRefusal, refuse } from '#contract'
import type { Engine } from '../../engine/index.ts'
import { clientBehind } from '../client.ts'
import type { Calls } from './lane.ts'

export interface Behind {
  /** Undefined before anything is served: then no request is taken. */
  engine(): Engine | undefined
  nextId(): string
  trusted(): BlockList | undefined
}

export const callsTo = ({ engine: current, nextId, trusted }: Behind): Calls => ({
  takes: (target) => {
    const engine = current()
    return engine !== undefined && namesOne(engine.generation.prefixes, target)
  },
  nextId,
  client: (peer, forwarded) => clientBehind(peer, forwarded, trusted()),
  serve: (request, body) => {
    const engine = current() as Engine
    try {
      const target = engine.target(request)
      if (!isRefusal(target)) return engine.begin(request, target, body, request)
      engine.refuse(request, target, request)
    } catch (cause) {
      engine.logFailure(request, cause)
      engine.refuse(request, refuse('unavailable', 'a part of the gateway failed; nothing was charged'), request)
    }
    return undefined
  },
})

/** Whether the first segment of a target is one of these. */
export function namesOne(prefixes: ReadonlySet<string>, target: string): boolean {
  const end = target.indexOf('/', 1)
  return end !== -1 && prefixes.has(target.slice(0, end))
}
