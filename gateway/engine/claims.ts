/** From what the chain claims to what the store is asked for. */
import { type Chance, type Claim, type Consumer, type HoldRequest, isRefusal, type Refusal, type StoreClaim } from '#contract'
import type { EngineCall } from './call.ts'
import type { EnginePorts } from './ports.ts'

/** The same claims, with only those connections that may be asked now; a refusal where none may. As they are where all is well. */
export function fittingClaims({ health }: Pick<EnginePorts, 'health'>, call: EngineCall, claims: readonly Claim[]): readonly Claim[] | Refusal {
  const supply = claims.find((claim) => claim.kind === 'supply')
  if (supply === undefined) return claims
  const alternatives = health.fit(call, supply.alternatives)
  if (isRefusal(alternatives)) return alternatives
  if (alternatives === supply.alternatives) return claims
  return claims.map((claim) => (claim === supply ? { ...supply, alternatives } : claim))
}

const NONE: readonly never[] = []
const isNone = ({ kind }: Claim): boolean => kind === 'unpaid'

/** What is taken now, and what belongs to a wallet that is only a claim yet: a second move takes it. */
export function movesOf(claims: readonly Claim[], consumer: Consumer): { readonly now: readonly StoreClaim[]; readonly later: readonly StoreClaim[] } {
  if (consumer.kind !== 'wallet' && !claims.some(isNone)) return { now: claims as readonly StoreClaim[], later: NONE }
  const now: StoreClaim[] = []
  const later: StoreClaim[] = []
  for (const claim of claims) {
    if (claim.kind === 'unpaid') continue
    if (consumer.kind === 'wallet' && 'of' in claim && claim.of === 'consumer') later.push(claim)
    else now.push(claim)
  }
  return { now, later }
}

let stampMs = 0
let stamp = ''

/** Made once a millisecond. */
function stampOf(ms: number): string {
  if (ms !== stampMs) {
    stampMs = ms
    stamp = `rc_${ms.toString(36)}`
  }
  return stamp
}

/** The id becomes the receipt's. */
export function holdRequestOf({ consumer, receivedAtMs }: EngineCall, claims: readonly StoreClaim[], chance: Chance): HoldRequest {
  const id = stampOf(receivedAtMs) + chance.hex(16)
  return consumer.kind === 'key' || consumer.kind === 'owner' ? { id, claims, key: consumer.keyId } : { id, claims }
}
