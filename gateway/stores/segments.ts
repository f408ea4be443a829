/** The journal's folder: segments named after their first group, one that is made ahead, and what makes names durable. */
import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const SEGMENT_BYTES = 32 * 1024 * 1024

/** The next segment while it is made; never holds a record under this name. */
export const NEXT = 'next.seg'

export interface Segment {
  /** Sequence of its first group. */
  readonly first: number
  readonly file: string
}

/** Where a record stands: segment (its first group), byte and length of the record without its frame. */
export interface Place {
  readonly segment: number
  readonly offset: number
  readonly length: number
}

const DIGITS = 16

export const segmentName = (first: number): string => `${String(first).padStart(DIGITS, '0')}.seg`
export const segmentFile = (folder: string, first: number): string => join(folder, segmentName(first))

/** Oldest first; an empty list also for a folder that does not exist. */
export function listSegments(folder: string): Segment[] {
  return namesIn(folder)
    .filter((name) => /^\d{16}\.seg$/.test(name))
    .sort()
    .map((name) => ({ first: Number.parseInt(name, 10), file: join(folder, name) }))
}

/** Those in the archive, too; a segment that is in both is taken from the journal. */
export function segmentsIn(folder: string, archive: string | undefined): Segment[] {
  const here = listSegments(folder)
  const known = new Set(here.map(({ first }) => first))
  const moved = archive === undefined ? [] : listSegments(archive).filter(({ first }) => !known.has(first))
  return [...moved, ...here].sort((a, b) => a.first - b.first)
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Names in a folder are durable only after this. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
