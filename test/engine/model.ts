/**
 * What the rules say of a call, how it ends and when it is charged, written down a second time and
 * much shorter, without anything that the engine is made of: from a state and two events to how the call must have ended.
 */

const EVENTS = ['client gone', 'head', 'data', 'end', 'error', 'deadline', 'shutdown'] as const
export type Event = (typeof EVENTS)[number]

/** `x402 with a key`: the payment pays, the key says whose limits hold. */
export type Payer = 'credits' | 'x402' | 'x402 with a key' | 'owner'
/** `large`: longer than is read whole before money moves. `open`: an operation that streams. */
export type Answer = 'whole' | 'large' | 'open'
export type State =
  | 'reserving'
  | 'waiting'
  | 'waiting, verified'
  | 'authorizing'
  | 'calling, before head'
  | 'calling, after head'
  | 'settling'
  | 'streaming'
  | 'over'

export interface Row {
  readonly payer: Payer
  readonly answer: Answer
  readonly state: State
  readonly first: Event
  readonly second: Event
  /** The second event comes in the same turn as the first. */
  readonly atOnce: boolean
  /** A provider heeds a pause, or had sent everything before it heard of it. */
  readonly heeds: boolean
}

export interface Ending {
  readonly kind: 'charged' | 'free' | 'refused' | 'replayed' | 'abandoned'
  readonly code: string | undefined
  /** What the client has seen of it. */
  readonly seen: string
  readonly units: 'sold' | 'own' | 'wasted' | 'returned'
  /** Money that went, and money that came back as credit. */
  readonly charged: boolean
  readonly refunded: boolean
}

/** Everything that may differ on the way. */
interface Facts {
  phase: 'admitting' | 'before head' | 'after head' | 'settling' | 'streaming' | 'over'
  gone: boolean
  stopped: boolean
  /** Of a long answer whose charge is being written. */
  came: 'something' | 'all' | 'broken'
  ending: Ending | undefined
}

const nobody = { units: 'returned', charged: false, refunded: false } as const

class Model {
  readonly #row: Row
  readonly #long: boolean
  readonly #paid: Pick<Ending, 'kind' | 'units' | 'charged'>
  readonly #facts: Facts

  constructor(row: Row) {
    this.#row = row
    this.#long = row.answer !== 'whole'
    const own = row.payer === 'owner'
    this.#paid = { kind: own ? 'free' : 'charged', units: own ? 'own' : 'sold', charged: !own }
    this.#facts = { phase: phaseOf(row.state), gone: false, stopped: false, came: 'something', ending: undefined }
    if (row.state === 'over') this.#paidOver(this.#long ? 'stream whole' : 'answer')
  }

  end(): Ending {
    for (const event of [this.#row.first, this.#row.second]) this.#on(event)
    // Whatever is still under way after the two is let through and ends well.
    this.#charged()
    const { phase } = this.#facts
    if (phase === 'admitting' && isWaiting(this.#row)) this.#over({ ...nobody, kind: 'replayed', code: undefined, seen: 'answer' })
    else if (phase === 'admitting') this.#good('all')
    else this.#on('end')
    this.#charged()
    return this.#facts.ending as Ending
  }

  #on(event: Event): void {
    switch (this.#facts.phase) {
      case 'admitting':
        return this.#admitting(event)
      case 'before head':
      case 'after head':
        return this.#calling(event)
      case 'settling':
        return this.#settling(event)
      case 'streaming':
        return this.#streaming(event)
      case 'over':
        if (event === 'client gone') this.#facts.gone = true
    }
  }

  #admitting(event: Event): void {
    const waiting = isWaiting(this.#row)
    if (event === 'client gone') this.#over({ ...nobody, kind: 'abandoned', code: undefined, seen: 'nothing' })
    else if (event === 'shutdown') this.#over({ ...nobody, kind: 'refused', code: 'unavailable', seen: 'answer' })
    else if (event === 'deadline') this.#over({ ...nobody, kind: 'refused', code: waiting ? 'payment_pending' : 'unavailable', seen: 'answer' })
  }

  #calling(event: Event): void {
    const wasted = { ...nobody, units: 'wasted' } as const
    const { answer } = this.#row
    switch (event) {
      case 'client gone':
        return this.#over({ ...wasted, kind: 'abandoned', code: undefined, seen: 'nothing' })
      case 'shutdown':
        return this.#over({ ...wasted, kind: 'refused', code: 'unavailable', seen: 'answer' })
      case 'deadline':
        return this.#over({ ...wasted, kind: 'refused', code: 'upstream_timeout', seen: 'answer' })
      case 'error':
        return this.#over({ ...wasted, kind: 'refused', code: 'upstream_error', seen: 'answer' })
      case 'head':
        if (answer === 'open') return this.#good('something')
        this.#facts.phase = 'after head'
        return
      case 'data':
        if (this.#long) return this.#good('something')
        this.#facts.phase = 'after head'
        return
      case 'end':
        return this.#good('all')
    }
  }

  /** The provider answered well. An owner's own call waits for no charge. */
  #good(came: Facts['came']): void {
    this.#facts.came = came
    this.#facts.phase = 'settling'
    if (this.#row.payer === 'owner') this.#charged()
  }

  /** Nothing is cancelled any more. What comes of a long answer meanwhile is known when the charge is. */
  #settling(event: Event): void {
    const { came } = this.#facts
    if (event === 'client gone') this.#facts.gone = true
    else if (event === 'shutdown') this.#facts.stopped = true
    else if (event === 'end' && came === 'something') this.#facts.came = 'all'
    // To one who heeds the pause the whole answer has not been given yet when the connection breaks.
    else if (event === 'error' && (came === 'something' || (came === 'all' && this.#row.heeds))) this.#facts.came = 'broken'
  }

  /** The charge is durable. */
  #charged(): void {
    const { gone, stopped, came, phase } = this.#facts
    if (phase !== 'settling') return
    const left = gone ? 'nothing' : undefined
    if (!this.#long) return this.#paidOver(left ?? 'answer')
    if (came === 'broken') return this.#paidOver(left ?? 'stream cut', true)
    if (came === 'all') return this.#paidOver(left ?? 'stream whole')
    if (gone || stopped) return this.#paidOver(left ?? 'stream cut')
    this.#facts.phase = 'streaming'
  }

  #streaming(event: Event): void {
    if (event === 'client gone') this.#paidOver('stream open')
    else if (event === 'shutdown') this.#paidOver('stream cut')
    else if (event === 'error') this.#paidOver('stream cut', true)
    else if (event === 'end') this.#paidOver('stream whole')
  }

  #paidOver(seen: string, broken = false): void {
    const refunded = broken && this.#paid.charged
    this.#over({ ...this.#paid, code: undefined, seen, refunded })
  }

  #over(ending: Ending): void {
    this.#facts.phase = 'over'
    this.#facts.ending ??= ending
  }
}

export const byPayment = ({ payer }: Pick<Row, 'payer'>): boolean => payer.startsWith('x402')

/** For the first call of the same name; of a wallet that is known only after its payment was verified, when it was. */
export const isWaiting = ({ state }: Pick<Row, 'state'>): boolean => state.startsWith('waiting')

function phaseOf(state: State): Facts['phase'] {
  if (state === 'calling, before head') return 'before head'
  if (state === 'calling, after head') return 'after head'
  return state === 'settling' || state === 'streaming' || state === 'over' ? state : 'admitting'
}

export const endingOf = (row: Row): Ending => new Model(row).end()

/** `credits, whole answer, settling: client gone, then end` */
export const nameOf = ({ payer, answer, state, first, second, atOnce, heeds }: Row): string =>
  `${payer}, ${answer} answer${heeds ? '' : ' that heeds no pause'}, ${state}: ${first}, ${atOnce ? 'and at once' : 'then'} ${second}`

/** Every pair, in both orders, each event with itself, too. */
export const pairs = (given: Pick<Row, 'payer' | 'answer' | 'state' | 'heeds'>): Row[] =>
  EVENTS.flatMap((first) => EVENTS.flatMap((second) => [true, false].map((atOnce) => ({ ...given, first, second, atOnce }))))
