/** Calls with a name (payment or Idempotency-Key): one table that every duplicate, pending and replay path reads. */
import type { Clock, NameClaim, Named, StoredAnswer } from '#contract'
import type { Answers } from './answers.ts'
import type { Hold } from './holds.ts'
import type { NamedCall, State } from './state.ts'

/** What a charged call says for itself. */
export type NamedEnd = Extract<Named, { state: 'stored' | 'gone' }>

const ended = (answer: StoredAnswer | undefined, receipt: string): NamedEnd =>
  answer === undefined ? { state: 'gone', receipt } : { state: 'stored', answer, receipt }

export class Names {
  readonly #clock: Clock
  readonly #state: State
  readonly #answers: Answers

  constructor(clock: Clock, state: State, answers: Answers) {
    this.#clock = clock
    this.#state = state
    this.#answers = answers
  }

  /** A promise only where a stored answer has to be read. */
  look(name: string, digest: string): Named | Promise<NamedEnd> {
    const found = this.#state.named.peek(name)
    if (found === undefined || this.#isOver(found)) return { state: 'absent' }
    if (found.digest !== digest) return { state: 'conflict' }
    if (found.state === 'waiting' || found.state === 'settling') return { state: 'waiting' }
    if (found.state === 'unknown') return { state: 'unknown' }
    const { receipt } = found
    const answer = found.state === 'charged' ? this.#answers.get(receipt) : undefined
    return answer instanceof Promise ? answer.then((read) => ended(read, receipt)) : ended(answer, receipt)
  }

  ended(name: string): Promise<void> {
    const found = this.#state.named.get(name)
    if (found === undefined || (found.state !== 'waiting' && found.state !== 'settling')) return Promise.resolve()
    return new Promise((resolve) => found.waiters.push(resolve))
  }

  take(hold: Hold, { name, digest, untilMs }: NameClaim): void {
    this.#state.named.set(name, { digest, receipt: hold.id, untilMs, state: 'waiting', waiters: [] })
  }

  /** Those of this hold; nobody is woken. */
  set(hold: Hold, state: NamedCall['state']): void {
    for (const { name } of hold.names) {
      const named = this.#state.named.get(name)
      if (named !== undefined && named.receipt === hold.id) named.state = state
    }
  }

  wake(hold: Hold): void {
    for (const { name } of hold.names) {
      const named = this.#state.named.get(name)
      if (named !== undefined && named.receipt === hold.id) wake(named)
    }
  }

  /** Names and used-once keys of a hold that was not charged: free again. */
  forget(hold: Hold): void {
    for (const { name } of hold.names) {
      const named = this.#state.named.get(name)
      if (named === undefined || named.receipt !== hold.id) continue
      this.#state.named.delete(name)
      wake(named)
    }
    for (const { key } of hold.once) this.#state.once.delete(key)
  }

  sweep(): void {
    const now = this.#clock.nowMs()
    // Those of a snapshot's table stay until the next one: they take no memory of their own.
    for (const [name, named] of this.#state.named.above()) if (this.#isOver(named)) this.#state.named.delete(name)
    this.#answers.sweep(now)
    for (const [key, until] of this.#state.once.above()) if (until <= now) this.#state.once.delete(key)
  }

  /** An answer is kept until then; a call that has not ended keeps its name however long it takes. */
  #isOver({ state, untilMs }: NamedCall): boolean {
    return (state === 'charged' || state === 'lost') && untilMs <= this.#clock.nowMs()
  }
}

function wake(named: NamedCall): void {
  const waiters = named.waiters
  named.waiters = []
  for (const waiter of waiters) waiter()
}
