/** The last lines that a process has logged, and those that come, for whoever asks over the admin port. Bounded in number and length. */
import type { Log } from '#contract'

const LINES = 1000
const LINE_CHARACTERS = 8 * 1024
/** Of one who follows and does not read; then the oldest are left out. */
const WAITING = 1000

type Follower = (line: string) => void

export class LogTail {
  readonly #lines: string[] = []
  #next = 0
  readonly #followers = new Set<Follower>()

  /** One line with its line feed. */
  write(line: string): void {
    const kept = line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS)}…\n` : line
    this.#lines[this.#next] = kept
    this.#next = (this.#next + 1) % LINES
    for (const follower of this.#followers) follower(kept)
  }

  /** The last so many, oldest first. */
  last(count: number): readonly string[] {
    const all = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)]
    return all.slice(Math.max(0, all.length - count))
  }

  /** The last so many, then each that comes, until nobody reads any more. */
  async *follow(count: number): AsyncIterable<string> {
    const waiting = [...this.last(count)]
    let wake: () => void = () => undefined
    const follower = (line: string): void => {
      if (waiting.length === WAITING) waiting.shift()
      waiting.push(line)
      wake()
    }
    this.#followers.add(follower)
    try {
      for (;;) {
        const line = waiting.shift()
        if (line !== undefined) yield line
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      this.#followers.delete(follower)
    }
  }

  get followers(): number {
    return this.#followers.size
  }
}

const tails = new WeakMap<Log, LogTail>()

export function keepTail(log: Log, tail: LogTail): Log {
  tails.set(log, tail)
  return log
}

/** Undefined where nothing is kept of this log. */
export const tailOf = (log: Log): LogTail | undefined => tails.get(log)
