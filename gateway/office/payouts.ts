/**
 * Paying owners what they are owed, once. A payout is durable, signed, before it is sent; at most one is under way; whoever starts a
 * run first ends the one that is. A transaction is never replaced by another as long as it could still be mined.
 */
import {
  type Books,
  type Chance,
  type Clock,
  type Connection,
  dollars,
  formatUsd,
  type Log,
  type Notices,
  type Payout,
  type PayoutFate,
  type PayoutDesk,
  type Usd,
} from '#contract'
import { OfficeError } from './error.ts'
import { type Claimant, claimants, explained, type PayRule } from './owed.ts'

/** The wallet and its chain. Faults of theirs are errors named NodeError or WalletError, whose message is a sentence. */
export interface Payer {
  ready(): Promise<PayingFrom>
  /** Nothing is sent; `refused`: the token would not take this transfer. */
  sign(from: PayingFrom, to: string, amount: Usd): Promise<Pick<Payout, 'accountNonce' | 'raw' | 'transaction'> | { readonly refused: string }>
  /** What the node has against it, if anything. Harmless however often. */
  broadcast(payout: Payout): Promise<string | undefined>
  fate(payout: Payout): Promise<PayoutFate>
}

export interface PayingFrom {
  readonly network: string
  readonly asset: string
  readonly from: string
  readonly balance: Usd
}

export interface PayoutParts {
  readonly books: Pick<Books, 'balances' | 'entries'>
  readonly desk: PayoutDesk
  readonly connections: readonly Connection[]
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  /** Undefined where payouts are not configured. */
  readonly paying: { readonly payer: Payer; readonly min: Usd } | undefined
  /** Tells the owner. */
  readonly notices: Notices
  /** For one payout to be mined; then it stays open for the next run. */
  readonly waitMs?: number
}

export interface PayoutLine {
  readonly owner: string
  /** Plain decimal, USD. */
  readonly amount: string
  readonly to: string
  readonly state: 'paid' | 'failed' | 'open' | 'refused'
  readonly network: string | null
  readonly transaction: string | null
  readonly block: string | null
  readonly detail: string | null
}

export interface PayoutRun {
  readonly payouts: readonly PayoutLine[]
  /** Why the run ended before everything payable was paid. */
  readonly problem: string | null
}

const WAIT_MS = 60_000
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
/** It is sent again at every so many looks: a node may have forgotten it. */
const SEND_EVERY = 8
/** Lost races against other processes, before the rest is left to them. */
const RACES = 10
const ZERO = `0x${'0'.repeat(40)}`

const isSentence = (error: unknown): error is Error => error instanceof Error && ['NodeError', 'WalletError'].includes(error.name)

export class Payouts {
  readonly #parts: PayoutParts
  /** One run after the other in this process; others are kept apart by the desk. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: PayoutParts) {
    this.#parts = parts
  }

  /** What each owner is owed and why; asks neither chain nor key. */
  async plan(): Promise<Record<string, unknown>> {
    const { books, connections, desk, paying } = this.#parts
    const found = await claimants(books, connections, paying === undefined ? undefined : ruleOf(paying.min))
    const open = await desk.open()
    return {
      min: paying === undefined ? null : formatUsd(paying.min),
      owners: await explained(books, found),
      under_way: open === undefined ? null : lineOf(open, 'open', null, `begun ${new Date(open.atMs).toISOString()}; the next payout run ends it`),
    }
  }

  /** @throws OfficeError where payouts are not configured */
  run(signal?: AbortSignal): Promise<PayoutRun> {
    const run = this.#last.then(() => this.#run(signal))
    this.#last = run.catch(() => undefined)
    return run
  }

  async #run(signal: AbortSignal | undefined): Promise<PayoutRun> {
    const { paying } = this.#parts
    if (paying === undefined) throw new OfficeError('payouts are not configured; expected payout: { signer: …, rpc: … } in the configuration')
    const payouts: PayoutLine[] = []
    try {
      return { payouts, problem: await this.#payAll(payouts, paying.payer, paying.min, signal) }
    } catch (error) {
      if (!isSentence(error)) throw error
      return { payouts, problem: error.message }
    }
  }

  /** Adds to `lines`. Why it ended early, or null. */
  async #payAll(lines: PayoutLine[], payer: Payer, min: Usd, signal: AbortSignal | undefined): Promise<string | null> {
    const { desk } = this.#parts
    const tried = new Set<string>()
    let from: PayingFrom | undefined
    for (let races = 0; races < RACES; ) {
      if (signal?.aborted === true) return 'the gateway is stopping; the next run goes on'
      // Counted before anything is read: whoever begins a payout after this makes ours impossible.
      const after = await desk.count()
      const open = await desk.open()
      if (open !== undefined) {
        const line = await this.#finish(open, payer, signal)
        lines.push(line)
        if (line.state === 'open') return `the payout to ${open.owner} is still open: ${line.detail}; nothing else is paid before it has ended`
        continue
      }
      const isFirst = from === undefined
      from ??= await payer.ready()
      const payable = await this.#payable(from, min, tried)
      const [next] = payable
      if (next === undefined) return null
      const needed = payable.reduce((sum, { owed }) => sum + owed, 0n)
      if (isFirst && needed > from.balance)
        return `the wallet ${from.from} has ${dollars(from.balance)} on ${from.network}; ${dollars(needed)} are to be paid, so nothing was begun`
      const begun = await this.#begin(payer, from, next, after)
      if (begun === 'lost') races += 1
      else tried.add(next.owner)
      if (typeof begun === 'object') lines.push(begun)
    }
    return 'other processes pay at the same time; what they leave is paid by the next run'
  }

  async #payable(from: PayingFrom, min: Usd, tried: ReadonlySet<string>): Promise<readonly Payable[]> {
    const found = await claimants(this.#parts.books, this.#parts.connections, ruleOf(min, from))
    return found.filter((one): one is Payable => one.why === undefined && one.wallet !== undefined && !tried.has(one.owner))
  }

  async #begin(payer: Payer, from: PayingFrom, { owner, owed, wallet }: Payable, after: number): Promise<'begun' | 'lost' | PayoutLine> {
    const { desk, chance, clock } = this.#parts
    const { network, asset } = from
    const signed = await payer.sign(from, wallet, owed)
    if ('refused' in signed)
      return { owner, amount: formatUsd(owed), to: wallet, state: 'refused', network, transaction: null, block: null, detail: signed.refused }
    const payout: Payout = { id: `po_${chance.hex(12)}`, owner, amount: owed, network, asset, from: from.from, to: wallet, ...signed, atMs: clock.nowMs() }
    return (await desk.begin(payout, after)) ? 'begun' : 'lost'
  }

  /** Sends it, and again, until the chain says what became of it or the time is over. */
  async #finish(payout: Payout, payer: Payer, signal: AbortSignal | undefined): Promise<PayoutLine> {
    const { clock, desk, log, notices, waitMs = WAIT_MS } = this.#parts
    const endNs = clock.monotonicNs() + waitMs * 1e6
    let because = ''
    for (let look = 0; ; look += 1) {
      try {
        const fate = await payer.fate(payout)
        if (fate.state !== 'open') {
          await desk.end(payout.id, fate)
          const { id, owner, transaction } = payout
          const said = { payout: id, owner, amount: formatUsd(payout.amount), transaction }
          notices.tell({ kind: 'payout', owner, connection: undefined, detail: payoutSentence(payout, fate) })
          if (fate.state === 'paid') log.info({ ...said, block: fate.block }, 'an owner was paid')
          else log.error({ ...said, reason: fate.reason }, 'a payout failed; what is owed is owed again')
          return fate.state === 'paid' ? lineOf(payout, 'paid', fate.block, null) : lineOf(payout, 'failed', null, fate.reason)
        }
        because = fate.because
        const against = fate.mayBeSent && look % SEND_EVERY === 0 ? await payer.broadcast(payout) : undefined
        if (against !== undefined) because += `; the node says: ${against}`
      } catch (error) {
        if (!isSentence(error)) throw error
        because = error.message
      }
      if (signal?.aborted === true || clock.monotonicNs() >= endNs) {
        log.warn({ payout: payout.id, owner: payout.owner, transaction: payout.transaction, because }, 'a payout is still open')
        return lineOf(payout, 'open', null, because)
      }
      await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(look, 10)), signal)
    }
  }
}

const payoutSentence = ({ id, amount, to, network, transaction }: Payout, fate: Exclude<PayoutFate, { state: 'open' }>): string =>
  fate.state === 'paid'
    ? `${dollars(amount)} were paid to ${to} on ${network} (payout ${id}, transaction ${transaction})`
    : `the payout of ${dollars(amount)} to ${to} on ${network} failed (payout ${id}): ${fate.reason}; it is owed again`

type Payable = Claimant & { readonly wallet: string }

const ruleOf = (min: Usd, from?: PayingFrom): PayRule => {
  const never = new Map([[ZERO, 'the zero address']])
  if (from !== undefined) never.set(from.from.toLowerCase(), 'the paying wallet itself').set(from.asset.toLowerCase(), 'the contract of the token')
  return { min, never }
}

const lineOf = ({ owner, amount, to, network, transaction }: Payout, state: PayoutLine['state'], block: string | null, detail: string | null): PayoutLine => ({
  ...{ owner, amount: formatUsd(amount), to, state, network, transaction, block, detail },
})

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    signal?.addEventListener('abort', over)
  })
