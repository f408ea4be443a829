/** Scores keys, wallets and addresses by what they do that honest clients do not, throttles, then blocks for a while. */
import { type Call, definePlugin, type EpochMs, payerOf, type Refusal, type RefusalCode, refuse } from '#contract'

/** Points for a refusal. What the gateway or a provider cannot do counts for nothing. */
const POINTS = {
  bad_request: 1,
  unauthenticated: 10,
  payment_required: 1,
  payment_invalid: 2,
  unknown_route: 1,
  unknown_operation: 1,
  method_not_allowed: 1,
  body_too_large: 2,
  headers_too_large: 2,
} as const satisfies { readonly [C in RefusalCode]?: number }
const pointsOf = (code: RefusalCode | undefined): number => (code !== undefined && code in POINTS ? POINTS[code as keyof typeof POINTS] : 0)
const ABANDONED = 5

export default definePlugin({
  name: 'abuse-detect',
  describe: 'Guessed keys, bursts of bad requests, unpaid probing, abandoned calls',
  needs: ['consumer', 'payment?'],
  settings: {
    throttle_above: { type: 'rate', default: '600/minute', describe: 'Points from which calls are answered 429' },
    block_above: { type: 'rate', default: '3000/minute', describe: 'Points from which calls are answered 403' },
    block_for: { type: 'duration', default: '60s', describe: 'How long a block lasts' },
  },
  create: ({ throttle_above, block_above, block_for }, { meters, clock }) => {
    const perMinute = (rate: { count: number; windowSeconds: number }): number => (rate.count * 60) / rate.windowSeconds
    const throttle = perMinute(throttle_above)
    const block = perMinute(block_above)

    const score = (key: string, points: number): void => {
      meters.add(key, points)
      if (meters.perMinute(key) >= block) meters.block(key, (clock.nowMs() + block_for) as EpochMs)
    }
    const judge = (key: string, points: number): Refusal | undefined => {
      const until = meters.blockedUntilMs(key)
      if (until !== undefined) return refuse('blocked', 'too many abusive calls', { retryAfterSeconds: Math.ceil((until - clock.nowMs()) / 1000) })
      if (meters.perMinute(key) < throttle) return undefined
      if (points > 0) score(key, points)
      return refuse('rate_limited', 'too many malformed, unpaid or abandoned calls', { retryAfterSeconds: 10 })
    }
    /** Loopback is never judged by address. */
    const subjects = ({ loopback, address, consumer }: Call): string[] => {
      const found = loopback ? [] : [`address:${address}`]
      if (consumer.kind === 'key' || consumer.kind === 'wallet') found.push(consumer.id)
      return found
    }
    return {
      admit: (call) => {
        if (call.consumer.kind === 'owner') return undefined
        // A throttled call that is unpaid itself still counts, or nobody would ever be blocked; a paying one never does.
        const points = call.consumer.kind === 'refused' ? POINTS.unauthenticated : payerOf(call).by === 'nobody' ? POINTS.payment_required : 0
        for (const subject of subjects(call)) {
          const refusal = judge(subject, points)
          if (refusal !== undefined) return refusal
        }
        return undefined
      },
      observe: (call, { kind, code, attempts }) => {
        // Who is refused for a limit of his own and would not have paid anyway counts as who does not pay.
        const unpaid = code === 'price_above_max' && payerOf(call).by === 'nobody'
        const points = kind === 'abandoned' ? ABANDONED : unpaid ? POINTS.payment_required : pointsOf(code)
        if (points === 0 || call.consumer.kind === 'owner') return
        // Anybody can name a wallet: it answers for what was done with a payment of its own, which was verified before the provider was asked.
        const proven = call.consumer.kind !== 'wallet' || attempts.length > 0
        for (const subject of subjects(call)) if (proven || subject !== call.consumer.id) score(subject, points)
      },
      observeRefused: ({ address, loopback }, { code }) => {
        const points = pointsOf(code)
        if (points > 0 && !loopback) score(`address:${address}`, points)
      },
    }
  },
})
