/** Scores keys, wallets and addresses by what they do that honest clients do not, throttles, then blocks for a while. */
import { type Call, definePlugin, type EpochMs, type Refusal, type RefusalCode, refuse } from '#contract'

/** Points for a refusal. What the gateway or a provider cannot do counts for nothing. */
const POINTS: { readonly [C in RefusalCode]?: number } = {
  bad_request: 1,
  unauthenticated: 10,
  payment_required: 1,
  payment_invalid: 2,
  unknown_route: 1,
  unknown_operation: 1,
  method_not_allowed: 1,
  body_too_large: 2,
  headers_too_large: 2,
}
const ABANDONED = 5

export default definePlugin({
  name: 'abuse-detect',
  describe: 'Guessed keys, bursts of bad requests, unpaid probing, abandoned calls',
  needs: ['consumer'],
  settings: {
    throttle_above: { type: 'rate', default: '600/minute', describe: 'Points from which calls are answered 429' },
    block_above: { type: 'rate', default: '3000/minute', describe: 'Points from which calls are answered 403' },
    block_for: { type: 'duration', default: '60s', describe: 'How long a block lasts' },
  },
  create: ({ throttle_above, block_above, block_for }, { meters, clock }) => {
    const perMinute = (rate: { count: number; windowSeconds: number }): number => (rate.count * 60) / rate.windowSeconds
    const throttle = perMinute(throttle_above)
    const block = perMinute(block_above)

    const judge = (key: string): Refusal | undefined => {
      const until = meters.blockedUntilMs(key)
      if (until !== undefined) return refuse('blocked', 'too many abusive calls', { retryAfterSeconds: Math.ceil((until - clock.nowMs()) / 1000) })
      return meters.perMinute(key) > throttle ? refuse('rate_limited', 'too many malformed, unpaid or abandoned calls', { retryAfterSeconds: 10 }) : undefined
    }
    const score = (key: string, points: number): void => {
      meters.add(key, points)
      if (meters.perMinute(key) > block) meters.block(key, (clock.nowMs() + block_for) as EpochMs)
    }
    /** Loopback is never judged by address; a wallet that has not proven itself never by its name. */
    const subjects = (call: Call): string[] => {
      const found = call.loopback ? [] : [`address:${call.address}`]
      if (call.consumer.kind === 'key') found.push(call.consumer.id)
      return found
    }
    return {
      admit: (call) => {
        if (call.consumer.kind === 'owner') return undefined
        for (const subject of subjects(call)) {
          const refusal = judge(subject)
          if (refusal !== undefined) return refusal
        }
        return undefined
      },
      observe: (call, { kind, code }) => {
        const points = kind === 'abandoned' ? ABANDONED : code === undefined ? 0 : (POINTS[code] ?? 0)
        if (points > 0 && call.consumer.kind !== 'owner') for (const subject of subjects(call)) score(subject, points)
      },
      observeRefused: ({ address, loopback }, { code }) => {
        const points = POINTS[code] ?? 0
        if (points > 0 && !loopback) score(`address:${address}`, points)
      },
    }
  },
})
