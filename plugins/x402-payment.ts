/**
 * Payment by x402, scheme `exact` on EVM (EIP-3009), or from the credit of a wallet that signs in: one 402 that both protocol
 * versions read, verify before the call, settle after it, or before it where that is wished. What is known of the wire and of
 * facilitators stands behind the till (gateway/payments).
 */
import { type Call, definePlugin, type Payment, type Refusal, type Resource, type SignedIn } from '#contract'

type Shown = { readonly payment?: Payment; readonly refusal?: Refusal }

const NOTHING_SHOWN: Shown = {}
const NOTHING_TO_ASK = Promise.resolve(undefined)

/** Extension bazaar: what a catalogue of facilitators shows of an operation. */
function discoveryOf({ operation, method }: Call): object | undefined {
  const { example } = operation
  if (example === undefined) return undefined
  const { params, query, body } = example
  const asked = { type: 'http', method, ...(params === undefined ? {} : { pathParams: params }), ...(query === undefined ? {} : { queryParams: query }) }
  const info = { input: body === undefined ? asked : { ...asked, bodyType: 'json', body }, output: { type: 'json' } }
  return { info, schema: { type: 'object', properties: { input: { type: 'object' }, output: { type: 'object' } }, required: ['input'] } }
}

export default definePlugin({
  name: 'x402-payment',
  describe: 'Payment call by call with x402, without an account, or from the credit of a wallet that signs in',
  needs: ['consumer', 'price'],
  gives: { payment: [], signedIn: [], challenge: [] },
  settings: {
    network: { type: 'strings', default: 'base-sepolia', describe: 'Known names or CAIP-2; a list offers several' },
    facilitator: { type: 'strings', default: 'sandbox', describe: 'sandbox (inside the process), or URLs in the order in which they are asked' },
    pay_to: { type: 'address', describe: 'Where payments go' },
    asset: {
      type: 'group',
      optional: true,
      describe: "The token, where it is not the network's own USDC",
      of: {
        address: { type: 'address', describe: 'Contract of the token' },
        name: { type: 'string', describe: 'Name in its EIP-712 domain' },
        version: { type: 'string', default: '2', describe: 'Version in its EIP-712 domain' },
        decimals: { type: 'integer', minimum: 0, maximum: 36, default: 6, describe: 'Decimals of the token' },
      },
    },
    rpc: {
      type: 'strings',
      optional: true,
      describe: 'JSON-RPC of the networks in their order, to find out what became of a settlement, and for contract wallets',
    },
    quote_ttl: { type: 'duration', default: '60s', describe: 'How long a quoted price is honoured after the configuration has changed' },
    settle_timeout: { type: 'duration', default: '30s', describe: 'How long a settlement may take before its outcome counts as unknown' },
    order: {
      type: 'choice',
      of: ['authorization', 'upfront'],
      default: 'authorization',
      describe: 'Settled after the call, or before it: then a failed call becomes credit',
    },
  },
  create: ({ network, facilitator, pay_to, asset, rpc, quote_ttl, settle_timeout, order }, ports) => {
    const till = ports.till({ network, facilitator, payTo: pay_to, asset, rpc: rpc ?? [], settleTimeoutMs: settle_timeout, upfront: order === 'upfront' })

    const resourceOf = (call: Call): Resource => {
      const description = call.operation.description ?? `${call.adapter.title}: ${call.operation.id}`
      const discovery = discoveryOf(call)
      return { url: call.resource, description, ...(discovery === undefined ? {} : { discovery }) }
    }
    // Those who ask for what a call shows ask one after the other: the last one read is enough, and nothing is kept of the calls before.
    let last: { readonly call: Call; readonly shown: Shown } | undefined
    const show = (call: Call): Shown => {
      if (last?.call === call) return last.shown
      const shown =
        till.read(
          (name) => call.header(name),
          () => resourceOf(call),
        ) ?? NOTHING_SHOWN
      last = { call, shown }
      return shown
    }
    const signedIn = new WeakMap<Call, SignedIn>()

    return {
      facts: {
        payment: (call) => show(call).payment,
        signedIn: (call) => signedIn.get(call),
        challenge: (call) => (price, error) => till.challenge(resourceOf(call), price, error),
      },
      prepare: (call) => {
        const header = call.header('sign-in-with-x')
        if (header === undefined) return undefined
        const known = till.knownSignIn(header)
        if (known === undefined) return till.signIn(header).then((now) => void signedIn.set(call, now))
        signedIn.set(call, known)
        return undefined
      },
      admit: (call) => {
        if (call.consumer.kind === 'owner' || call.consumer.kind === 'refused') return undefined
        const { payment, refusal } = show(call)
        return refusal ?? (payment === undefined ? undefined : [till.once(payment)])
      },
      authorize: ({ payment }) => (payment === undefined ? NOTHING_TO_ASK : till.verify(payment)),
      settle: (payment) => till.settle(payment),
      recover: (payment, sinceMs) => till.recover(payment, sinceMs),
      quotes: { ttlMs: quote_ttl, shown: (request) => (request.header('payment-signature') ?? request.header('x-payment')) !== undefined },
    }
  },
})
