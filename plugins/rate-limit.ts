/** Limits of each consumer: a steady pace (GCRA), money in a day and a month, a fair share of a pool; and of who asks without paying. */
import { accountOf, type Call, type Claim, type Connection, type Consumer, definePlugin, type Pace, payerOf, type Rate, type Refusal, refuse } from '#contract'

export default definePlugin({
  name: 'rate-limit',
  describe: 'A steady pace for each consumer and for who asks without paying; money in a day and a month; a fair share of what is left',
  needs: ['consumer', 'payment?', 'supply?'],
  settings: {
    per_consumer: { type: 'rate', default: '60/minute', describe: 'Calls that one consumer may make' },
    burst: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 20,
      describe: 'Calls that may come at once; of the other paces at most as many as they count',
    },
    per_operation: { type: 'rate', optional: true, describe: 'Calls that one consumer may make of one operation' },
    operations: {
      ...{ type: 'table', of: { type: 'rate', describe: 'Calls that one consumer may make of this operation' }, keys: 'operations', optional: true },
      ...{
        example: '{ search: 5/minute }',
        describe: 'The same for single operations, by id, instead of per_operation: those that are heavy need a tighter pace',
      },
    },
    per_address: { type: 'rate', optional: true, describe: 'Calls without a payer from one address (IPv6: its /64), in each process; loopback is exempt' },
    spend_per_day: { type: 'money', optional: true, describe: 'Most that one consumer may spend in a UTC day; of this and the cap of a key the tighter holds' },
    spend_per_month: { type: 'money', optional: true, describe: 'The same in a UTC month' },
    fair_use: {
      ...{
        type: 'group',
        optional: true,
        describe: 'While several consumers draw on the pool of an API, none takes more of it than a share; who is alone may take all',
      },
      of: {
        share: { type: 'percent', positive: true, describe: 'Of the units, rounded up to a whole one' },
        of: { type: 'choice', of: ['left'], default: 'left', describe: 'Of what is left for sale, with what was taken in the window' },
        window: { type: 'duration', default: '1h', describe: 'How long what was taken counts; to a tenth longer' },
      },
    },
  },
  create: ({ per_consumer, burst, per_operation, operations, per_address, spend_per_day, spend_per_month, fair_use }, { paces }) => {
    const share = fair_use === undefined ? undefined : { millionths: millionthsOf(fair_use.share), windowMs: fair_use.window }
    const consumers = paceName(per_consumer)
    const namesOf = namesOnce()
    const isPlain = spend_per_day === undefined && spend_per_month === undefined && share === undefined
    const paceClaim = onceForKeys(({ id }) => ({ kind: 'rate', key: `${id}${consumers}`, of: 'consumer', rate: per_consumer, burst, refusal: 'rate_limited' }))

    const unpaid = ({ loopback, address }: Call): Refusal | undefined => {
      if (per_address === undefined || loopback) return undefined
      const wait = paces.tried(paceOf(`unpaid ${networkOf(address)}`, per_address, burst))
      if (wait === 0) return undefined
      return refuse('rate_limited', `more than ${per_address.count} calls without a payment in ${per_address.windowSeconds} s`, {
        retryAfterSeconds: Math.ceil(wait),
      })
    }
    return {
      admit: (call) => {
        const { consumer } = call
        if (consumer.kind === 'owner') return undefined
        if (consumer.kind === 'refused' || payerOf(call).by === 'nobody') return unpaid(call)
        // A pace of its own for each rate: what a tighter one of another route counts is no debt here.
        const rate = operations?.get(call.operation.id) ?? per_operation
        const claims = [paceClaim(consumer)]
        if (isPlain && rate === undefined) return claims
        if (rate !== undefined) {
          const key = `${consumer.id} ${call.api} ${call.operation.id}${paceName(rate)}`
          claims.push({ kind: 'rate', ...paceOf(key, rate, burst), of: 'consumer', refusal: 'rate_limited' })
        }
        const key = accountOf(consumer)
        if (spend_per_day !== undefined) claims.push({ kind: 'spend', key, of: 'consumer', limit: spend_per_day, per: 'day' })
        if (spend_per_month !== undefined) claims.push({ kind: 'spend', key, of: 'consumer', limit: spend_per_month, per: 'month' })
        if (share !== undefined) claims.push({ kind: 'share', key, of: 'consumer', pool: call.api, connections: namesOf(call.supply.connections), ...share })
        return claims
      },
    }
  },
})

/** Made once for who has a key: such consumers are the same objects in every call, others come and go. */
function onceForKeys(make: (consumer: Consumer) => Claim): (consumer: Consumer) => Claim {
  const known = new WeakMap<Consumer, Claim>()
  return (consumer) => {
    if (consumer.kind !== 'key') return make(consumer)
    let claim = known.get(consumer)
    if (claim === undefined) {
      claim = make(consumer)
      known.set(consumer, claim)
    }
    return claim
  }
}

const paceName = ({ count, windowSeconds }: Rate): string => ` ${count}/${windowSeconds}`

/** Who may come five times a minute does not come twenty times at once. */
const paceOf = (key: string, rate: Rate, burst: number): Pace => ({ key, rate, burst: Math.min(burst, rate.count) })

/** Rounded down, but never to nothing. */
const millionthsOf = ({ num, den }: { readonly num: bigint; readonly den: bigint }): number => Math.max(1, Number((num * 1_000_000n) / den))

/** The names of a pool, made once: pools are the same arrays for all calls of one operation. */
function namesOnce(): (pool: readonly Connection[]) => readonly string[] {
  const known = new WeakMap<readonly Connection[], readonly string[]>()
  return (pool) => {
    let names = known.get(pool)
    if (names === undefined) {
      names = pool.map(({ name }) => name)
      known.set(pool, names)
    }
    return names
  }
}

/** Who has one IPv6 address has the 2^64 of its network. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  while (tail !== undefined && groups.length + behind.length < 8) groups.push('0')
  return [...groups, ...behind].slice(0, 4).join(':')
}
