/** What somebody may do to a journal who can write its files: change the lines of its groups, and make checksums and hashes anew as far as he knows them. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import zlib from 'node:zlib'
import { segmentsOf } from './segments.ts'

export interface Kept {
  readonly sequence: number
  readonly hash: string
  lines: string[]
  /** Taken away as a whole. */
  isGone?: boolean
}

/** `frame`: checksums alone. `group`: also the hash of each group that was changed. `all`: every hash from there on. */
export type Care = 'frame' | 'group' | 'all'

function groupsOf(file: string): Kept[] {
  const bytes = readFileSync(file)
  const groups: Kept[] = []
  let lines: string[] = []
  for (let at = 0; at + 8 < bytes.length && bytes.readUInt32LE(at) !== 0; ) {
    const length = bytes.readUInt32LE(at)
    const text = bytes.toString('utf8', at + 8, at + 8 + length)
    at += length + 9
    const closing = /^=(\d+) \d+ ([0-9a-f]{64})$/.exec(text)
    if (closing === null) lines.push(text)
    else {
      groups.push({ sequence: Number(closing[1]), hash: closing[2] as string, lines })
      lines = []
    }
  }
  return groups
}

function crc32(bytes: Buffer): number {
  if (zlib.crc32 !== undefined) return zlib.crc32(bytes)
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}

function frame(text: string): Buffer {
  const record = Buffer.from(text)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(record.length, 0)
  head.writeUInt32LE(crc32(record), 4)
  return Buffer.concat([head, record, Buffer.from('\n')])
}

/** Changes groups in place; returns how to undo it. `change` gets those of the whole journal, in order. */
export function tamper(folder: string, care: Care, change: (groups: Kept[]) => void): () => void {
  const files = segmentsOf(folder).map((file) => ({ file, before: readFileSync(file), groups: groupsOf(file) }))
  const all = files.flatMap(({ groups }) => groups)
  const untouched = new Map(all.map(({ sequence, lines }) => [sequence, lines.join('\n')]))
  change(all)
  let hash = '0'.repeat(64)
  let isChanged = false
  for (const { file, before, groups } of files) {
    const frames: Buffer[] = []
    for (const group of groups) {
      if (group.isGone === true) continue
      const isOwn = untouched.get(group.sequence) !== group.lines.join('\n')
      isChanged ||= isOwn
      const made = createHash('sha256')
        .update(hash)
        .update(group.lines.map((line) => `${line}\n`).join(''))
        .digest('hex')
      const isNew = (care === 'all' && isChanged) || (care === 'group' && isOwn)
      hash = isNew ? made : group.hash
      frames.push(...group.lines.map(frame), frame(`=${group.sequence} ${group.lines.length} ${hash}`))
    }
    const bytes = Buffer.concat(frames)
    // What was made ahead stays: zeros.
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(Math.max(0, before.length - bytes.length))]))
  }
  return () => {
    for (const { file, before } of files) writeFileSync(file, before)
  }
}
