/** How operations and connections have served lately: running figures in memory, for the catalogue and the status. */
import type { Attempt, Operation } from '#contract'
import { verdictOf } from './health/ending.ts'

export interface Quality {
  /** 0 to 1, of the calls that say something about the provider; undefined before the first. */
  readonly successRate: number | undefined
  /** Mean of the good answers, weighted towards the last. */
  readonly latencyMs: number | undefined
}

interface Running {
  good: number
  bad: number
  latencyMs: number
  failuresInRow: number
  lastFailure: string | undefined
}

const WEIGHT_OF_LAST = 0.05
/** Older calls fade: at this many both counts are halved. */
const FADE_AT = 10_000
const FAILING_AFTER = 5

export class QualityBook {
  /** How often any figure has changed. */
  changes = 0
  readonly #operations = new WeakMap<Operation, Running>()
  readonly #connections = new Map<string, Running>()

  note(operation: Operation, attempt: Attempt): void {
    const good = goodOf(attempt)
    if (good === undefined) return
    this.changes += 1
    count(runningOf(this.#operations, operation, attempt), good, attempt)
    count(runningOf(this.#connections, attempt.connection, attempt), good, attempt)
  }

  operation(operation: Operation): Quality {
    return qualityOf(this.#operations.get(operation))
  }

  connection(name: string): Quality {
    return qualityOf(this.#connections.get(name))
  }

  /** From which that is known; older ones count half, again and again. */
  calls(connection: string): number {
    const running = this.#connections.get(connection)
    return running === undefined ? 0 : running.good + running.bad
  }

  /** In a word, with the last reason where it fails. */
  health(connection: string): { readonly health: 'unknown' | 'ok' | 'failing'; readonly lastFailure: string | undefined } {
    const running = this.#connections.get(connection)
    if (running === undefined) return { health: 'unknown', lastFailure: undefined }
    return { health: running.failuresInRow >= FAILING_AFTER ? 'failing' : 'ok', lastFailure: running.lastFailure }
  }
}

function runningOf<K extends object | string>(
  map: { get(key: K): Running | undefined; set(key: K, value: Running): unknown },
  key: K,
  attempt: Attempt,
): Running {
  let running = map.get(key)
  if (running === undefined) {
    running = { good: 0, bad: 0, latencyMs: attempt.tookMs, failuresInRow: 0, lastFailure: undefined }
    map.set(key, running)
  }
  return running
}

function count(running: Running, good: boolean, attempt: Attempt): void {
  if (good) {
    running.good += 1
    running.failuresInRow = 0
    running.latencyMs = running.good === 1 ? attempt.tookMs : running.latencyMs + (attempt.tookMs - running.latencyMs) * WEIGHT_OF_LAST
  } else {
    running.bad += 1
    running.failuresInRow += 1
    running.lastFailure = attempt.meaning
  }
  if (running.good + running.bad >= FADE_AT) {
    running.good /= 2
    running.bad /= 2
  }
}

/** What a consumer asked wrongly, or did not wait for, says nothing about the provider. */
function goodOf(attempt: Attempt): boolean | undefined {
  const verdict = verdictOf(attempt)
  return verdict === 'nothing' ? undefined : verdict === 'good'
}

function qualityOf(running: Running | undefined): Quality {
  if (running === undefined) return { successRate: undefined, latencyMs: undefined }
  const all = running.good + running.bad
  return { successRate: all === 0 ? undefined : running.good / all, latencyMs: running.good === 0 ? undefined : Math.round(running.latencyMs) }
}
