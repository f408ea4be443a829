/** `adapter_dirs` and `plugin_dirs`: more folders that work as adapters/ and plugins/ do. Read first, since the schema needs their names. */

import { resolve } from 'node:path'
import { type Adapter, messageOf, type Plugin } from '#contract'
import { Complaints } from './complaints.ts'
import { folderFields } from './core.ts'
import { decode } from './decode.ts'
import { type discover, type Kind, Misfits } from './discover.ts'
import type { Vocabulary } from './validate.ts'
import { childOf, type MapNode, type Node, parseYaml } from './yaml.ts'

export interface Finder {
  /** Of the configuration; the folders are relative to it. */
  readonly folder: string
  readonly complaints: Complaints
  readonly discover: typeof discover
}

/** What was found before, and what the folders of the file add. */
export async function addFolders(root: MapNode, { plugins, adapters }: Vocabulary, finder: Finder): Promise<Vocabulary> {
  if (!root.entries.has('adapter_dirs') && !root.entries.has('plugin_dirs')) return { plugins, adapters }
  // Misfits are complained about by the whole pass that follows; here they are just not read.
  const values = decode(folderFields, root, { complaints: new Complaints('', ''), of: undefined, where: root })
  return {
    adapters: await widen<Adapter>('adapter', adapters, values.adapter_dirs ?? [], childOf(root, 'adapter_dirs'), finder),
    plugins: await widen<Plugin>('plugin', plugins, values.plugin_dirs ?? [], childOf(root, 'plugin_dirs'), finder),
  }
}

/** What a file names, as it is written there; nothing where it cannot be read. */
export function foldersIn(text: string): Readonly<Record<Kind, readonly string[]>> {
  const complaints = new Complaints('', text)
  const root = parseYaml(text, complaints)
  const values = root === undefined ? {} : decode(folderFields, root, { complaints, of: undefined, where: root })
  return { adapter: values.adapter_dirs ?? [], plugin: values.plugin_dirs ?? [] }
}

async function widen<T extends { readonly name: string }>(
  kind: Kind,
  known: ReadonlyMap<string, T>,
  dirs: readonly string[],
  node: Node | undefined,
  finder: Finder,
): Promise<ReadonlyMap<string, T>> {
  const all = new Map(known)
  for (const [index, dir] of dirs.entries()) {
    const place = (node?.kind === 'list' ? node.items[index] : node) as Node
    for (const [name, item] of await find<T>(kind, dir, place, finder)) {
      if (all.has(name)) finder.complaints.missing(place, `${dir} holds the ${kind} ${name}, which is there already; expected a name of its own`)
      else all.set(name, item)
    }
  }
  return all
}

async function find<T extends { readonly name: string }>(
  kind: Kind,
  dir: string,
  place: Node,
  { folder, complaints, discover }: Finder,
): Promise<ReadonlyMap<string, T>> {
  try {
    return await discover<T>(resolve(folder, dir), kind)
  } catch (error) {
    if (error instanceof Misfits) {
      for (const { file, message } of error.problems) complaints.missing(place, `${dir}/${file}: ${message}`)
      return error.found as ReadonlyMap<string, T>
    }
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    complaints.error(place, missing ? `there is no folder ${dir}; expected one with ${kind}s, relative to this file` : `${dir}: ${messageOf(error)}`)
    return new Map()
  }
}
