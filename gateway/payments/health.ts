/** Whether what a till needs outside is there: facilitators that can do what is offered, nodes of the right chain. */
import type { Facilitator, FacilitatorAnswer } from '#contract'
import { NodeError, type NodeRpc } from '../evm/rpc.ts'
import type { X402Till } from './till.ts'

export interface TillHealth {
  readonly facilitators: readonly {
    readonly name: string
    /** Undefined: all is well. */
    readonly problem: string | undefined
  }[]
  readonly nodes: readonly { readonly network: string; readonly problem: string | undefined }[]
  /** Networks that no facilitator settles. */
  readonly unsettled: readonly string[]
}

const WITHIN_MS = 3_000

/** Asks everybody now. */
export async function healthOf(till: X402Till): Promise<TillHealth> {
  const asked = await Promise.all(till.facilitators.map(async (one) => ({ one, kinds: kindsOf(await one.supported(WITHIN_MS)) })))
  const nodes = await Promise.all(till.offers.map(async ({ network, chainId }) => nodeHealth(network, chainId, till.nodes.get(network))))
  const networks = till.offers.map(({ network }) => network)
  const settles = (kinds: readonly Kind[], network: string): boolean => kinds.some((kind) => kind.scheme === 'exact' && kind.network === network)
  return {
    facilitators: asked.map(({ one, kinds }) => ({ name: one.state.name, problem: problemOf(one, kinds, networks) })),
    nodes: nodes.filter((node) => node !== undefined),
    unsettled: networks.filter((network) => !asked.some(({ kinds }) => typeof kinds !== 'string' && settles(kinds, network))),
  }
}

interface Kind {
  readonly scheme: unknown
  readonly network: unknown
}

function problemOf({ state }: Facilitator, kinds: readonly Kind[] | string, networks: readonly string[]): string | undefined {
  if (typeof kinds === 'string') return kinds
  const missing = networks.filter((network) => !kinds.some((kind) => kind.scheme === 'exact' && kind.network === network))
  if (missing.length > 0) return `it does not settle exact on ${missing.join(', ')}`
  return state.open ? 'it failed five times in a row' : undefined
}

/** What it supports, or why nobody knows. */
function kindsOf(answer: FacilitatorAnswer): readonly Kind[] | string {
  if (answer.kind === 'lost')
    return { unreachable: 'it cannot be reached', slow: `it did not answer within ${WITHIN_MS / 1000} s` }[answer.why as string] ?? 'it gave no usable answer'
  const { kinds } = answer.body
  if (answer.status !== 200 || !Array.isArray(kinds)) return `it answered /supported with status ${answer.status} and no kinds`
  return kinds.filter((kind): kind is Kind => typeof kind === 'object' && kind !== null)
}

async function nodeHealth(network: string, chainId: number, node: NodeRpc | undefined): Promise<TillHealth['nodes'][number] | undefined> {
  if (node === undefined) return undefined
  try {
    const found = await node.number('eth_chainId')
    return { network, problem: found === BigInt(chainId) ? undefined : `the node is on chain ${found}` }
  } catch (error) {
    if (error instanceof NodeError) return { network, problem: error.message }
    throw error
  }
}
