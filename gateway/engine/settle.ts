/** Step 6: from a good answer to a durable charge. What is not known stays so until the reconciler knows. */
import { type Alternative, type Charge, type Payer, type Payment, type Refusal, refuse, type Settlement, unreachable, type Usd } from '#contract'
import type { EngineCall } from './call.ts'
import { keyName } from './names.ts'
import type { Watched } from './patience.ts'
import type { EnginePorts } from './ports.ts'

export type Charged =
  /** The answer may leave, with these headers (flat list) besides its own. */
  { readonly state: 'charged'; readonly headers: readonly string[] } | { readonly state: 'refused' | 'unknown'; readonly refusal: Refusal }

const PENDING_RETRY_SECONDS = 2
export const pending = (detail: string): Refusal => refuse('payment_pending', detail, { retryAfterSeconds: PENDING_RETRY_SECONDS })

/** What is charged, and for whose units. */
export interface Charging {
  readonly hold: string
  readonly chosen: Alternative
  readonly charge: Charge
}

/** How a payer pays. `upfront`: his payment has settled before the call, and is credit that is held for it. */
export type Paying = Payer | { readonly by: 'upfront'; readonly payment: Payment }

/** Tells once, when the charge (credits) or the settlement (x402) is durable. An owner's own call waits for nothing. */
export function chargeHold(ports: EnginePorts, call: EngineCall, payer: Paying, charging: Charging, tell: (charged: Charged) => void): void {
  const { hold, charge } = charging
  if (payer.by === 'x402') {
    return settle(ports, call, payer.payment, { hold, begin: () => ports.store.intend(hold, charge, payer.payment) }, tell)
  }
  let committed: Promise<void>
  try {
    committed = ports.store.commit(hold, charge)
  } catch (cause) {
    return tell(notWritten(cause))
  }
  if (payer.by === 'owner' || payer.by === 'nobody') {
    committed.catch((error) => ports.log.error({ request: call.id, error: String(error) }, "an owner's call could not be written"))
    return tell(NOTHING_MORE)
  }
  ports.patience.watch(committed, {
    done: () => tell(NOTHING_MORE),
    failed: (cause) => tell(notWritten(cause)),
    // One that was paid upfront and comes too late is fetched by its payment.
    undo: () => (payer.by === 'credits' ? undelivered(ports, call, payer, charging) : undefined),
  })
}

const NOTHING_MORE: Charged = { state: 'charged', headers: [] }

const notWritten = (cause: unknown): Charged => {
  const detail = 'the charge of this call could not be written; it shows in the statement or never was'
  return { state: 'refused', refusal: refuse('unavailable', detail, { cause, retryAfterSeconds: PENDING_RETRY_SECONDS }) }
}

/** What a charge becomes that bought nothing whole: credit of its payer. */
export function refundTo(ports: EnginePorts, call: EngineCall, payer: Paying, { hold, chosen, price, platformShare }: Reversed): void {
  const account = payer.by === 'credits' ? payer.account : 'payment' in payer ? `wallet:${payer.payment.payer}` : undefined
  if (account === undefined || price === 0n) return
  const { connection, owner } = chosen
  ports.store
    .refund({ receipt: hold, connection, owner, account, price, platformShare })
    .catch((error) => ports.log.error({ request: call.id, hold, error: String(error) }, 'a refund could not be written'))
}

interface Reversed {
  readonly hold: string
  readonly chosen: Alternative
  readonly price: Usd
  readonly platformShare: Usd
}

/** Charged after its call was refused: a named call can fetch the answer, another one gets its money back. */
function undelivered(ports: EnginePorts, call: EngineCall, payer: Paying, { hold, chosen, charge }: Charging): void {
  if (keyName(call) === undefined) refundTo(ports, call, payer, { hold, chosen, price: charge.price, platformShare: charge.platformShare })
}

/** Settled before the call: what was paid is credit of the wallet, held for this call. */
export function prepay(ports: EnginePorts, call: EngineCall, payment: Payment, hold: string): Promise<Charged> {
  const account = `wallet:${payment.payer}`
  return new Promise((tell) => settle(ports, call, payment, { hold, begin: () => ports.store.buy(hold, { account, payment }) }, tell))
}

interface Intent {
  readonly hold: string
  /** Resolves when the intent is durable. */
  readonly begin: () => Promise<void>
}

/** Intent durable (S), settle, outcome durable (T). */
function settle(ports: EnginePorts, call: EngineCall, payment: Payment, { hold, begin }: Intent, tell: (charged: Charged) => void): void {
  watched(ports, begin, {
    done: () => void call.chain.settle(payment).then((settlement) => resolve(ports, call, { hold, settlement }, tell)),
    failed: (cause) => tell(notBegun(cause)),
    undo: () => unbegun(ports, call, hold),
  })
}

interface Ended {
  readonly hold: string
  readonly settlement: Settlement
}

function resolve(ports: EnginePorts, call: EngineCall, { hold, settlement }: Ended, tell: (charged: Charged) => void): void {
  watched(ports, () => ports.store.resolve(hold, settlement), {
    done: () => tell(charged(ports, call, hold, settlement)),
    failed: (cause) => {
      ports.log.error({ request: call.id, hold, cause: String(cause) }, 'the outcome of a settlement could not be written down')
      tell({ state: 'unknown', refusal: pending('the settlement of this call could not be written down yet') })
    },
    undo: () => undefined,
  })
}

/** What is thrown before there is a promise failed, too. */
function watched({ patience }: EnginePorts, work: () => Promise<void>, told: Watched<void>): void {
  let begun: Promise<void>
  try {
    begun = work()
  } catch (cause) {
    return told.failed(cause)
  }
  patience.watch(begun, told)
}

/** Nothing was asked of the facilitator: the payment is unused. */
const notBegun = (cause: unknown): Charged => ({
  state: 'refused',
  refusal: refuse('unavailable', 'the settlement could not be written down, so it was not begun; nothing was paid', { cause }),
})

/** The intent was written after its call was refused: nothing has been asked of the facilitator, and nothing will be. */
function unbegun(ports: EnginePorts, call: EngineCall, hold: string): void {
  ports.store
    .resolve(hold, { state: 'not_settled', reason: 'the intent came too late', blameless: true })
    .catch((error) => ports.log.error({ request: call.id, hold, error: String(error) }, 'an intent that came too late could not be ended'))
}

function flat(headers: Readonly<Record<string, string>>): readonly string[] {
  const list: string[] = []
  for (const name in headers) list.push(name, headers[name] as string)
  return list
}

function charged(ports: EnginePorts, call: EngineCall, hold: string, settlement: Settlement): Charged {
  switch (settlement.state) {
    case 'settled':
      return { state: 'charged', headers: flat(settlement.headers) }
    case 'not_settled':
      return {
        state: 'refused',
        refusal: refuse('payment_invalid', `the payment could not be settled: ${settlement.reason}`, { headers: settlement.headers ?? {} }),
      }
    case 'unknown':
      ports.log.warn({ request: call.id, hold, cause: String(settlement.cause) }, 'the outcome of a settlement is not known')
      ports.unknown()
      return { state: 'unknown', refusal: pending('the settlement of this call is not known yet') }
    default:
      return unreachable(settlement)
  }
}
