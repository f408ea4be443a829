/** What a heap snapshot of a process holds: its strings, and those that its errors lead to. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './gateway.ts'

interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]]; readonly edge_fields: string[]; readonly edge_types: [string[]] }
  }
  readonly nodes: number[]
  readonly edges: number[]
  readonly strings: string[]
}

export interface Heap {
  readonly errors: number
  /** Strings that errors lead to by properties: message, stack, cause, whatever else they were given. */
  readonly ofErrors: readonly string[]
  readonly strings: readonly string[]
}

/** What `process` must be started with. */
export const heapOptions = (folder: string): string => `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`

/** `answers` resolves once the process has answered anything: its thread is free again, so that the file is whole. */
export async function heapOf(pid: number, folder: string, answers: () => Promise<unknown>): Promise<Heap> {
  process.kill(pid, 'SIGUSR2')
  const file = (): string | undefined => (existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.heapsnapshot')) : undefined)
  await until('the snapshot is there', () => file() !== undefined, 20_000)
  // Written by the process's own thread, which may take a while on a busy machine.
  await until('the process answers again', () => answers().then(Boolean, () => false), 60_000)
  return read(JSON.parse(readFileSync(join(folder, file() as string), 'utf8')) as Snapshot)
}

const DEPTH = 12
const STRINGS = new Set(['string', 'concatenated string', 'sliced string'])
/** Whose objects, not what was put into them. */
const NOT_OWN = new Set(['__proto__', 'map', 'constructor', 'prototype'])

function read({ snapshot: { meta }, nodes, edges, strings }: Snapshot): Heap {
  const [nodeSize, edgeSize] = [meta.node_fields.length, meta.edge_fields.length]
  const field = (name: string): number => meta.node_fields.indexOf(name)
  const [typeAt, nameAt, countAt] = [field('type'), field('name'), field('edge_count')]
  const typeOf = (node: number): string => meta.node_types[0][nodes[node + typeAt] as number] as string
  const nameOf = (node: number): string => strings[nodes[node + nameAt] as number] as string
  const firstEdge = new Map<number, number>()
  for (let node = 0, edge = 0; node < nodes.length; node += nodeSize) {
    firstEdge.set(node, edge)
    edge += (nodes[node + countAt] as number) * edgeSize
  }
  const found = new Set<string>()
  const seen = new Set<number>()
  const follow = (node: number, depth: number): void => {
    if (seen.has(node)) return
    seen.add(node)
    if (STRINGS.has(typeOf(node))) found.add(nameOf(node))
    if (depth === DEPTH) return
    const start = firstEdge.get(node) as number
    for (let edge = start; edge < start + (nodes[node + countAt] as number) * edgeSize; edge += edgeSize) {
      const kind = meta.edge_types[0][edges[edge] as number] as string
      const label = kind === 'property' || kind === 'internal' ? (strings[edges[edge + 1] as number] as string) : ''
      if (!['property', 'internal', 'element'].includes(kind) || NOT_OWN.has(label)) continue
      const to = edges[edge + 2] as number
      // Code and closures lead everywhere.
      if (['object', 'array', 'hidden', 'string', 'concatenated string', 'sliced string'].includes(typeOf(to))) follow(to, depth + 1)
    }
  }
  let errors = 0
  for (let node = 0; node < nodes.length; node += nodeSize) {
    if (typeOf(node) !== 'object' || !/(Error|Answer)$/.test(nameOf(node))) continue
    errors += 1
    seen.delete(node)
    follow(node, 0)
  }
  return { errors, ofErrors: [...found], strings }
}
