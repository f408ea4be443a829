/**
 * A snapshot as a file: the many of the state (keys, accounts, names, what is used once, what was spent) as tables that are used
 * where they stand, the few as lines of JSON. Of its first form, all of it lines of JSON, files are still read.
 */
import { createHash, randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { NO_PAUSE, type Pause } from './breath.ts'
import { GENESIS, type Link } from './groups.ts'
import { type Line, linesOf, putLine } from './image.ts'
import type { Layered } from './layered.ts'
import { Parts, PartsWriter } from './snapshot-file.ts'
import type { State } from './state.ts'
import { type Index, Table } from './table.ts'
import { type Written, writeKeys, writeLayered } from './tables.ts'

/** A segment that is complete, and the hash before its first group. */
export interface Sealed {
  readonly first: number
  readonly before: string
}

export interface Snapshot extends Link {
  readonly sealed: readonly Sealed[]
  readonly state: State
}

interface Head extends Link {
  readonly v: 2
  /** Of all hashes in it. Drawn by chance: who chooses names must not choose where they stand. */
  readonly seed: number
  readonly sealed: readonly Sealed[]
}

const FEW = 'few'
const KEYS = 'keys'
const SEEDS = 2 ** 32
const PIECE_CHARACTERS = 16 * 1024

/** All but the keys, which have two indexes. */
function tablesOf({ keys, accounts, named, once, spending }: State): readonly (readonly [string, Layered<unknown>])[] {
  const spent =
    spending === undefined
      ? []
      : ([
          ['day', spending.sums.day],
          ['month', spending.sums.month],
        ] as const)
  return [['wallets', keys.wallets], ['accounts', accounts], ['named', named], ['once', once], ...spent] as readonly (readonly [string, Layered<unknown>])[]
}

/** @throws Error where it cannot be written */
export function putSnapshot(file: string, { sequence, hash, sealed, state }: Snapshot, pause: Pause = NO_PAUSE): void {
  const seed = state.keys.base?.base.table.seed ?? tablesOf(state).find(([, { base }]) => base !== undefined)?.[1].base?.table.seed ?? randomInt(SEEDS)
  const parts = new PartsWriter(file, pause)
  try {
    parts.begin(`${KEYS} heap`)
    const keys = writeKeys(state.keys, seed, parts.write)
    putColumns(parts, KEYS, keys)
    putIndex(parts, `${KEYS} by hash`, keys.further)
    for (const [name, layered] of tablesOf(state)) {
      parts.begin(`${name} heap`)
      putColumns(parts, name, writeLayered(layered, seed, parts.write))
    }
    putFew(parts, state)
    parts.finish({ v: 2, sequence, hash, seed, sealed } satisfies Head)
  } finally {
    parts.close()
  }
}

/** Stored answers are not that few: many lines are one piece for the file. */
function putFew(parts: PartsWriter, state: State): void {
  parts.begin(FEW)
  let text = ''
  for (const line of linesOf(state)) {
    text += `${JSON.stringify(line)}\n`
    if (text.length < PIECE_CHARACTERS) continue
    parts.write(Buffer.from(text))
    text = ''
  }
  parts.write(Buffer.from(text))
}

function putColumns(parts: PartsWriter, name: string, { starts, index }: Written): void {
  parts.column(`${name} starts`, starts)
  putIndex(parts, name, index)
}

function putIndex(parts: PartsWriter, name: string, { hashes, slots }: Index): void {
  parts.column(`${name} hashes`, hashes)
  parts.column(`${name} slots`, slots)
}

/** Put into `state`, which is empty; undefined where it is damaged, or of a form that is not known here. */
export function readSnapshot(file: string, state: State, pause: Pause = NO_PAUSE): Snapshot | undefined {
  try {
    const parts = Parts.read<Head>(file, pause)
    if (parts === undefined) return readLines(file, state)
    const { v, sequence, hash, seed, sealed } = parts.head
    if (v !== 2) return undefined
    state.keys.putTable(tableAt(parts, KEYS, seed), indexAt(parts, `${KEYS} by hash`))
    for (const [name, layered] of tablesOf(state)) layered.put(tableAt(parts, name, seed))
    putLines(state, parts.part(FEW).toString())
    return { sequence, hash, sealed, state }
  } catch {
    return undefined
  }
}

const indexAt = (parts: Parts<Head>, name: string): Index => ({ hashes: parts.column(`${name} hashes`), slots: parts.column(`${name} slots`) })

const tableAt = (parts: Parts<Head>, name: string, seed: number): Table =>
  new Table({ seed, heap: parts.part(`${name} heap`), starts: parts.column(`${name} starts`), index: indexAt(parts, name) })

function putLines(state: State, text: string): void {
  for (const line of text.split('\n')) if (line !== '') putLine(state, JSON.parse(line) as Line)
}

/** The first form: a head, lines, a digest. Where old segments have gone to an archive, nothing else tells what they held. */
function readLines(file: string, state: State): Snapshot | undefined {
  const text = readFileSync(file, 'latin1')
  const end = text.length - GENESIS.length - 1
  if (end < 0 || createHash('sha256').update(text.slice(0, end), 'latin1').digest('hex') !== text.slice(end, -1)) return undefined
  const [head = '', ...lines] = Buffer.from(text.slice(0, end), 'latin1').toString('utf8').split('\n')
  const { v, sequence, hash, sealed } = JSON.parse(head) as Link & { readonly v: number; readonly sealed: readonly Sealed[] }
  if (v !== 1) return undefined
  for (const line of lines) if (line !== '') putLine(state, JSON.parse(line) as Line)
  return { sequence, hash, sealed, state }
}
