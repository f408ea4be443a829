/** What is known of a connection while it is read: what is written, where, and what it belongs to. */

import type { Adapter } from '#contract'
import type { Complaints, Placed } from './complaints.ts'
import type { ConnectionFields } from './connection-fields.ts'
import type { Decoded } from './fields.ts'
import type { Vaulted } from './vault.ts'
import { childOf, type Node, shown } from './yaml.ts'

export interface Surroundings {
  readonly complaints: Complaints
  readonly mode: 'sandbox' | 'live'
  readonly allowPrivate: boolean
  readonly adapters: ReadonlyMap<string, Adapter>
  readonly vaulted: Vaulted
}

export interface Draft {
  readonly values: Decoded<ConnectionFields>
  readonly node: Node
  readonly name: string
  /** Without the operations that connections add; undefined where none is known. */
  readonly adapter: Adapter | undefined
  readonly custom: boolean
}

/** Where to complain about a setting: at its value, or where the connection begins. */
export const placeOf = ({ node }: Pick<Draft, 'node'>, name: string): Placed => childOf(node, name) ?? node

export const itemsOf = ({ node }: Pick<Draft, 'node'>, name: string): readonly Node[] => {
  const items = childOf(node, name)
  return items?.kind === 'list' ? items.items : []
}

/** The text of a setting as a complaint may show it. */
export const textOf = ({ node }: Draft, name: string): string => {
  const value = childOf(node, name)
  return shown(value, value?.kind === 'scalar' ? value.text : name)
}
