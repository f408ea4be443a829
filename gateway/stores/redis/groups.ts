/**
 * Moves of calls on their way to Redis, a group at a time: those of one turn of the event loop, and those that came while
 * the group before was under way, go in one script. What takes something is asked once and refused in time; what ends
 * something is sent until its outcome is known, under the same number, so that it is made once.
 */
import { type Argument, ANSWER_WITHIN_MS, againAfterMs, isOurs, late, type Link, LostError, MOVE_WITHIN_MS, outOfReach } from './link.ts'
import { BETWEEN_MOVES, BETWEEN_WORDS, MOVES } from './script-moves.ts'

/** More would keep Redis from others for too long. */
const MOST = 128
/** Whoever has waited for its turn waits so long for its answer, at least. */
const LEAST_MS = 25

/** What a move came to, in words. */
export type Words = readonly string[]

export interface Move {
  /** As script-moves.ts knows it. */
  readonly kind: string
  /** Of the hold. */
  readonly id: string
  /** What many moves of a group have in common is sent once. */
  readonly form?: string
  readonly args: readonly Argument[]
}

const NO_MOVE: Move = { kind: 'skip', id: '', args: [] }

interface Asked {
  readonly move: Move
  /** Its outcome has to be known. */
  readonly isSure: boolean
  resolve(words: Words): void
  reject(error: Error): void
}

export interface GroupsParts {
  readonly link: Link
  readonly process: string
  readonly ledger: string
  /** Bytes of stored answers. */
  readonly answers: number
  readonly testTime: () => string
}

export class Groups {
  readonly #parts: GroupsParts
  #queue: Asked[] = []
  /** When the first of the queue came. */
  #since = 0
  /** One at a time: with `appendfsync always` its answer takes as long as a disk does, and meanwhile the next one grows. */
  #isUnderWay = false
  #isComing = false
  #number = 0
  #waiting: (() => void)[] = []

  constructor(parts: GroupsParts) {
    this.#parts = parts
  }

  /** One try, in time. @throws LostError */
  ask(move: Move): Promise<Words> {
    const { lost } = this.#parts.link
    if (lost !== undefined) return Promise.reject(outOfReach(lost))
    return this.#add(move, false)
  }

  /** Repeated until its outcome is known. @throws LostError when the link is closed before */
  surely(move: Move): Promise<Words> {
    return this.#add(move, true)
  }

  /** Resolves when everything that was asked for until now has its outcome. */
  async flushed(): Promise<void> {
    if (this.#queue.length > 0) await this.surely(NO_MOVE).catch(() => undefined)
    else if (this.#isUnderWay) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #add(move: Move, isSure: boolean): Promise<Words> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0) this.#since = performance.now()
      this.#queue.push({ move, isSure, resolve, reject })
      if (this.#isComing || this.#isUnderWay) return
      this.#isComing = true
      // After everything that has come in with this turn.
      setImmediate(() => void this.#go())
    })
  }

  /** As long as there is something to do. */
  async #go(): Promise<void> {
    this.#isComing = false
    this.#isUnderWay = true
    while (this.#queue.length > 0) {
      const group = this.#queue.length <= MOST ? this.#queue : this.#queue.slice(0, MOST)
      this.#queue = this.#queue.length <= MOST ? [] : this.#queue.slice(MOST)
      await this.#carry(group)
      const waiting = this.#waiting
      this.#waiting = []
      for (const one of waiting) one()
    }
    this.#isUnderWay = false
  }

  /** Until it is known what became of it. */
  async #carry(group: readonly Asked[]): Promise<void> {
    this.#number += 1
    for (let turn = 0; !this.#parts.link.closed; turn += 1) {
      const replies = await this.#once(group, turn === 0)
      if (replies !== undefined) return answer(group, replies)
      if (!group.some(({ isSure }) => isSure)) return
      await new Promise((resolve) => setTimeout(resolve, againAfterMs(turn)))
    }
    for (const { reject } of group) reject(new LostError('the store is closed'))
  }

  /** Undefined where it is not known what became of it; those that were only asked for are refused then. */
  #once(group: readonly Asked[], isFirst: boolean): Promise<readonly string[] | undefined> {
    const { link } = this.#parts
    const isAsked = isFirst && group.some(({ isSure }) => !isSure)
    const isSure = group.some((one) => one.isSure)
    return new Promise((resolve) => {
      const over = (): void => resolve(undefined)
      const wait = (ms: number, then: () => void): (() => void) =>
        late(ms, (error) => {
          this.#lost(group, error)
          then()
        })
      // Who asked has waited for its turn, too.
      const patienceMs = Math.max(LEAST_MS, ANSWER_WITHIN_MS - (performance.now() - this.#since))
      const longer = (): void => {
        unless = wait(MOVE_WITHIN_MS, over)
      }
      let unless = isAsked ? wait(patienceMs, isSure ? longer : over) : wait(MOVE_WITHIN_MS, over)
      link.run(MOVES, this.#arguments(group, isFirst)).then(
        (reply) => {
          unless()
          resolve(String(reply).split(BETWEEN_MOVES))
        },
        (error: Error) => {
          unless()
          if (isOurs(error)) return resolve(group.map(() => `error${BETWEEN_WORDS}${error.message}`))
          this.#lost(group, error)
          over()
        },
      )
    })
  }

  /** Whoever only asked is told now, and so are those who wait for their turn. */
  #lost(group: readonly Asked[], cause: Error): void {
    const error = this.#parts.link.failed(cause)
    const waiting = this.#queue
    this.#queue = waiting.filter(({ isSure }) => isSure)
    for (const { isSure, reject } of [...group, ...waiting]) if (!isSure) reject(error)
  }

  #arguments(group: readonly Asked[], isFirst: boolean): Argument[] {
    const { process, ledger, answers, testTime } = this.#parts
    const list: Argument[] = [testTime(), this.#number, process, ledger, answers, 0]
    const head = list.length
    const forms = new Map<string, number>()
    for (const { move, isSure } of group) if (move.form !== undefined && (isFirst || isSure) && !forms.has(move.form)) forms.set(move.form, forms.size + 1)
    list[head - 1] = forms.size
    list.push(...forms.keys())
    for (const { move, isSure } of group) {
      // What was only asked for is refused by now.
      const { kind, id, form, args } = isFirst || isSure ? move : NO_MOVE
      if (form === undefined) list.push(args.length + 2, kind, id, ...args)
      else list.push(args.length + 3, kind, id, forms.get(form) as number, ...args)
    }
    return list
  }
}

function answer(group: readonly Asked[], replies: readonly string[]): void {
  for (const [index, { resolve, reject }] of group.entries()) {
    const words = (replies[index] ?? '').split(BETWEEN_WORDS)
    if (words[0] === 'error') reject(Object.assign(new Error(words[1]), { name: 'ReplyError' }))
    else resolve(words)
  }
}
