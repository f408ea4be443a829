/** What becomes of a plain call: the same as `#api` of the public door, of a request that is there as a whole. */
import type { BlockList } from 'node:net'
import { isRefusal, refuse } from '#contract'
import type { Engine } from '../../engine/index.ts'
import { clientBehind } from '../client.ts'
import type { Calls } from './lane.ts'

export interface Behind {
  /** Once something is served; before, no prefix is. */
  engine(): Engine
  apis(): ReadonlySet<string>
  nextId(): string
  readonly trusted: BlockList | undefined
}

export const callsTo = ({ engine: current, apis, nextId, trusted }: Behind): Calls => ({
  takes: (target) => namesOne(apis(), target),
  nextId,
  client: (peer, forwarded) => clientBehind(peer, forwarded, trusted),
  serve: (request, body) => {
    const engine = current()
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
