/** The journal's groups as they stand on disk: how they are read again, and which of them still count. */
import { createHash } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'

const READ_BYTES = 4 * 1024 * 1024
const GENESIS = '0'.repeat(64)

/** What `replay` gets: the group with its records still in lines. */
export interface ReplayedGroup {
  readonly sequence: number
  readonly hash: string
  readonly lines: readonly string[]
}

export const hashOf = (before: string, records: string | Buffer): string => createHash('sha256').update(before).update(records).digest('hex')

export class JournalError extends Error {
  override name = 'JournalError'
}

/** Where the journal goes on. */
export interface Tail {
  readonly position: number
  readonly sequence: number
  readonly hash: string
  readonly cutBytes: number
}

/** The line that closes a group: its number, how many records it has, and the hash that covers them and the hash before. */
const CLOSING = /^=(\d+) \d+ ([0-9a-f]{64})$/

/** Every whole group, in order. @throws JournalError when one within the file does not match its hash */
export function readGroups(fd: number, file: string, replay: (group: ReplayedGroup) => void): Tail {
  let position = 0
  let sequence = 0
  let hash = GENESIS
  let bad: string | undefined
  let lines: string[] = []
  let bytes = 0
  const total = eachLine(fd, (line, size) => {
    bytes += size
    const closing = line.startsWith('=') ? CLOSING.exec(line) : null
    if (closing === null) {
      lines.push(line)
      return
    }
    const text = lines.length === 0 ? '' : `${lines.join('\n')}\n`
    const expected = hashOf(hash, text)
    if (bad === undefined && line === `=${sequence + 1} ${lines.length} ${expected}`) {
      sequence += 1
      hash = expected
    } else {
      // Another number over other records: the line that closed the group before it was lost.
      const follows = bad !== undefined || (closing[1] !== `${sequence + 1}` && closing[2] !== expected)
      bad ??= `group ${sequence + 1} at byte ${position} does not match its hash`
      if (follows) throw new JournalError(`${file}: ${bad}, and groups follow it: the file was altered or the disk lost data; restore it from a backup`)
      return
    }
    position += bytes
    bytes = 0
    replay({ sequence, hash, lines })
    lines = []
  })
  return { position, sequence, hash, cutBytes: total - position }
}

/** Calls back for every complete line; returns the file's size. */
function eachLine(fd: number, visit: (line: string, bytes: number) => void): number {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, fstatSync(fd).size + 1))
  let rest: Buffer = Buffer.alloc(0)
  let total = 0
  for (;;) {
    const read = readSync(fd, buffer, 0, buffer.length, total)
    if (read === 0) return total
    total += read
    const chunk = Buffer.concat([rest, buffer.subarray(0, read)])
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      visit(chunk.toString('utf8', from, end), end + 1 - from)
      from = end + 1
    }
    rest = chunk.subarray(from)
  }
}
