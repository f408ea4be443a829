/**
 * Scores keys, wallets and addresses (IPv6 by /64) by what they do that honest clients do not, throttles them, blocks them for
 * a while, and forgives. Points of the last 60 s; the figures are those of the default settings, within one minute:
 *
 *   kind              what counts                                                      points   throttled after   blocked after
 *   key-guessing      401: a key or a signature that is not good                           10          60 calls       300 calls
 *   unpaid-probing    402 for a call without a payment; one that is paid is taken back      1             600           3,000
 *                     a page that says what is for sale                                     1             600           3,000
 *   error-farming     400, 404, 405 (1 point); 413, 431 (2 points)                        1–2       300 to 600  1,500 to 3,000
 *   sweep             404 for a path unlike the last eight, from the 21st a minute on       5             136             616
 *                     a call that is the one before but for a number that moves on a
 *                     little, from the 101st in a row on                                   20             131               -
 *   abandoned         the client left before the answer                                     5             120               -
 *                     by one payer, from the 21st in a row on                               20              45               -
 *   payment-grinding  a payment that was refused when it was verified                      10              60           2,460
 *                     a payment that cannot be read, or is not for the offer                2             300           2,700
 *                     a settlement that failed after the provider had answered; from
 *                     then on that wallet settles before                                    5             120               -
 *
 * A throttled call without a payment of its own counts one point more, so that who does not stop is blocked; a paying one is
 * only told to wait (-).
 * Whatever the gateway or a provider cannot do counts for nothing, and so does what a provider answers: a request that it calls
 * bad or does not find is no error-farming here. Whoever goes through a list of his own is no sweep, however long it is: his pace
 * is for rate-limit and fair_use. A payer's sweep is slowed, never blocked, unless `sweeps: block` says so.
 * Scores live in one process: where several share a store, each throttles and blocks by what it has seen itself.
 */
import {
  type Abuse,
  type AbuseRules,
  addressSubject,
  type Call,
  definePlugin,
  type Hooks,
  type KeyMirror,
  type Log,
  type Meters,
  type Outcome,
  payerOf,
  type PluginPorts,
  type Rate,
  type Refusal,
  type RefusalCode,
  refuse,
  sha256,
  shownKey,
  type Suspect,
  type UncalledRequest,
  whyKeyIsBad,
} from '#contract'

type Deed = readonly [abuse: Abuse, points: number]

const GUESSED: Deed = ['key-guessing', 10]
const UNPAID: Deed = ['unpaid-probing', 1]
const ABANDONED: Deed = ['abandoned', 5]
/** Nothing but abandoned calls, from so many on: units wasted on purpose. */
const LEFT_IN_A_ROW = 20
const LEFT_AGAIN: Deed = ['abandoned', 20]
const NEW_PATH: Deed = ['sweep', 5]
const PAYMENT_REFUSED: Deed = ['payment-grinding', 10]
const PAYMENT_UNFIT: Deed = ['payment-grinding', 2]
const NOT_SETTLED: Deed = ['payment-grinding', 5]

/** What the gateway or a provider cannot do is not here. */
const DEEDS: { readonly [C in RefusalCode]?: Deed } = {
  bad_request: ['error-farming', 1],
  unauthenticated: GUESSED,
  payment_required: UNPAID,
  payment_invalid: PAYMENT_UNFIT,
  unknown_route: ['error-farming', 1],
  unknown_operation: ['error-farming', 1],
  method_not_allowed: ['error-farming', 1],
  body_too_large: ['error-farming', 2],
  headers_too_large: ['error-farming', 2],
}

/** Different unknown paths a minute that somebody may try who only looks around. */
const EXPLORED = 20
/** Steps in a row that a reader of pages may make. */
const PAGES = 100
/** Steps beyond these, until a sweep is throttled. */
const STEPS_UNTIL_FOUND = 30
/** Of a body, as far as it is compared. */
const BODY_BYTES = 256
const THROTTLED_SECONDS = 10

type Sweeps = 'ignore' | 'throttle' | 'block'

const perMinute = ({ count, windowSeconds }: Rate): number => (count * 60) / windowSeconds
const shows = (request: Pick<UncalledRequest, 'header'>, ...names: readonly string[]): boolean => names.some((name) => request.header(name) !== undefined)
const isKnown = ({ kind }: Call['consumer']): boolean => kind === 'key' || kind === 'signed'

/** Anybody can name a wallet: it answers for what was done with a payment of its own, which was verified before the provider was asked. */
const subjectOf = ({ consumer }: Call): string | undefined => (isKnown(consumer) || consumer.kind === 'wallet' ? consumer.id : undefined)

/** What the end of a call says of who made it. */
function deedOf(call: Call, { kind, code, attempts }: Outcome): Deed | undefined {
  if (kind === 'abandoned') return ABANDONED
  if (code === undefined) return undefined
  // Who is refused for a limit of his own and would not have paid anyway counts as who does not pay.
  if (code === 'price_above_max') return payerOf(call).by === 'nobody' ? UNPAID : undefined
  if (code === 'payment_invalid') return attempts.length > 0 ? NOT_SETTLED : call.payment === undefined ? PAYMENT_UNFIT : PAYMENT_REFUSED
  if (code === 'bad_request' && shows(call, 'payment-signature', 'x-payment')) return PAYMENT_UNFIT
  return DEEDS[code]
}

/** As two calls of a walk are compared. */
function askedIn({ target, body }: Call): string {
  if (body.length === 0) return target
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.length)
  return `${target}\n${bytes.toString('latin1', 0, BODY_BYTES)}`
}

/** One line a change, never one a call. */
function teller(log: Log): (suspect: Suspect) => void {
  return ({ subject, state, score, calls, blocks, shadow, untilMs }) => {
    const kinds = Object.fromEntries(Object.entries(calls).filter(([, count]) => count > 0))
    const fields = { subject, score, calls: kinds, shadow, ...(state === 'blocked' ? { blocks, until: new Date(untilMs ?? 0).toISOString() } : {}) }
    if (state === 'watched') log.info(fields, 'abuse: forgiven')
    else log.warn(fields, shadow ? `abuse: would be ${state}` : `abuse: ${state}`)
  }
}

/** Subject of a good key beside a request that is no call. */
function keySubject(request: UncalledRequest, keys: KeyMirror, nowMs: number): string | undefined {
  const shown = shownKey((name) => request.header(name))
  const key = shown === undefined ? undefined : keys.byHash(sha256(shown))
  return key === undefined || key.role === 'owner' || whyKeyIsBad(key, nowMs) !== undefined ? undefined : `key:${key.id}`
}

type Ports = Pick<PluginPorts, 'meters' | 'keys' | 'clock'>

/** `deed`: what a call counts that is turned away for its score. `isSpared`: only a block holds. */
const judgeBy =
  (rules: AbuseRules, meters: Meters) =>
  (subject: string, deed: Deed | undefined, isSpared = false): Refusal | undefined => {
    const standing = meters.standing(subject)
    if (standing === undefined) return undefined
    const { score, blockedSeconds } = standing
    if (blockedSeconds === 0 && (score < rules.throttleAbove || isSpared)) return undefined
    meters.refused(subject)
    if (rules.shadow) return undefined
    if (blockedSeconds > 0) return refuse('blocked', 'too many abusive calls', { retryAfterSeconds: blockedSeconds })
    if (deed !== undefined) meters.add(subject, ...deed, rules)
    return refuse('rate_limited', 'too many malformed, unpaid or abandoned calls', { retryAfterSeconds: THROTTLED_SECONDS })
  }

/** What a throttled call counts: one that is unpaid itself, or nobody would ever be blocked; a paying one nothing. */
function throttledDeed({ consumer }: Call): Deed | undefined {
  if (consumer.kind === 'refused') return GUESSED
  // The payment of a wallet is a claim until it is verified.
  return isKnown(consumer) ? undefined : UNPAID
}

function turning(rules: AbuseRules, { meters, keys, clock }: Ports): Pick<Hooks, 'admit' | 'turnAway'> {
  const judge = judgeBy(rules, meters)
  return {
    admit: (call) => {
      if (meters.quiet || call.consumer.kind === 'owner') return undefined
      // Whoever shows a good key is not throttled for his neighbours behind the address; a block holds for all of them.
      const byAddress = call.loopback ? undefined : judge(addressSubject(call.address), throttledDeed(call), isKnown(call.consumer))
      const subject = byAddress === undefined ? subjectOf(call) : undefined
      return subject === undefined ? byAddress : judge(subject, undefined)
    },
    turnAway: (request) => {
      if (meters.quiet) return undefined
      const key = keySubject(request, keys, clock.nowMs())
      const deed = key === undefined ? UNPAID : undefined
      const byAddress = request.loopback ? undefined : judge(addressSubject(request.address), deed, key !== undefined)
      return byAddress === undefined && key !== undefined ? judge(key, undefined) : byAddress
    },
  }
}

/** Points of a call in a walk: up to the limit and no further, where its payer is only to be slowed. */
function sweepBy(sweeps: Sweeps, { throttleAbove, blockAbove }: AbuseRules, meters: Meters): (call: Call) => number {
  const step = Math.ceil(throttleAbove / STEPS_UNTIL_FOUND)
  return (call) => {
    if (sweeps === 'ignore') return 0
    const { consumer, api, operation } = call
    const beyond = meters.walked(`${consumer.id} ${api} ${operation.id}`, askedIn(call)) - PAGES
    if (beyond <= 0) return 0
    if (sweeps === 'block') return beyond > STEPS_UNTIL_FOUND ? blockAbove : 0
    return Math.max(0, Math.min(step, throttleAbove + step - meters.perMinute(consumer.id)))
  }
}

function watching(rules: AbuseRules, sweeps: Sweeps, { meters, keys, clock }: Ports): Pick<Hooks, 'observe' | 'observeRefused'> {
  const sweptBy = sweepBy(sweeps, rules, meters)
  return {
    observe: (call, outcome) => {
      const { consumer, loopback } = call
      if (consumer.kind === 'owner') return
      const isAsked = outcome.attempts.length > 0
      const isProven = isKnown(consumer) || (consumer.kind === 'wallet' && isAsked)
      const swept = isProven && isAsked ? sweptBy(call) : 0
      if (swept > 0) meters.add(consumer.id, 'sweep', swept, rules)
      const deed = deedOf(call, outcome)
      if (deed !== undefined) {
        if (isProven) meters.add(consumer.id, ...(deed === ABANDONED && meters.inARow(consumer.id) >= LEFT_IN_A_ROW ? LEFT_AGAIN : deed), rules)
        if (!loopback) meters.add(addressSubject(call.address), ...deed, rules)
      } else if (outcome.kind === 'charged' || outcome.kind === 'passed') {
        if (isProven) meters.ended(consumer.id)
        if (!loopback && payerOf(call).by === 'x402') meters.takeBack(addressSubject(call.address), ...UNPAID)
      }
    },
    observeRefused: (request, { code }) => {
      let deed = code === 'payment_invalid' ? PAYMENT_REFUSED : DEEDS[code]
      if (deed === undefined) return
      // A page that asks for a key was not shown a wrong one.
      if (deed === GUESSED && !shows(request, 'authorization', 'x-api-key', 'sign-in-with-x')) deed = UNPAID
      const key = keySubject(request, keys, clock.nowMs())
      if (key !== undefined) meters.add(key, ...deed, rules)
      if (request.loopback) return
      const subject = addressSubject(request.address)
      const isUnknown = code === 'unknown_route' || code === 'unknown_operation'
      if (isUnknown && meters.different(subject, request.target.split('?', 1)[0] ?? '') > EXPLORED) deed = NEW_PATH
      meters.add(subject, ...deed, rules)
    },
  }
}

export default definePlugin({
  name: 'abuse-detect',
  describe: 'Guessed keys, unpaid probing, bursts of bad requests, sweeps, abandoned calls, payments that are none',
  needs: ['consumer', 'payment?'],
  settings: {
    throttle_above: { type: 'rate', default: '600/minute', describe: 'Points from which calls are answered 429' },
    block_above: { type: 'rate', default: '3000/minute', describe: 'Points from which calls are answered 403' },
    block_for: { type: 'duration', default: '60s', describe: 'How long the first block lasts; each further one is twice as long' },
    block_at_most: { type: 'duration', default: '1h', describe: 'The longest block' },
    forgive_after: { type: 'duration', default: '10m', describe: 'So much time after a block without another takes one doubling back' },
    sweeps: {
      type: 'choice',
      of: ['ignore', 'throttle', 'block'],
      default: 'throttle',
      describe: 'What becomes of who pays and walks through numbers one by one',
    },
    shadow: { type: 'boolean', default: false, describe: 'Only report, in the log and in atlas abuse list; refuse nothing' },
  },
  create: ({ throttle_above, block_above, block_for, block_at_most, forgive_after, sweeps, shadow }, ports) => {
    const rules: AbuseRules = {
      ...{ throttleAbove: perMinute(throttle_above), blockAbove: perMinute(block_above), blockForMs: block_for },
      ...{ blockAtMostMs: Math.max(block_for, block_at_most), forgiveAfterMs: forgive_after, shadow, changed: teller(ports.log) },
    }
    return { ...turning(rules, ports), ...watching(rules, sweeps as Sweeps, ports) }
  },
})
