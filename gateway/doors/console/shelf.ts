/**
 * What lies on the disk now, beside what runs: the file and what `atlas check` says of it, and the adapters and plugins that are
 * found. Looked at again when something there has changed.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Adapter, type Plugin, sha256 } from '#contract'
import { type Complaint, formatComplaint } from '../../../config/complaints.ts'
import { discover, type Kind, Misfits } from '../../../config/discover.ts'
import { foldersIn } from '../../../config/folders.ts'
import type { GatewayConfig } from '../../../config/model.ts'
import { load } from '../cli/context.ts'

export interface Found<T> {
  readonly item: T
  /** As the file names it; undefined: the repository's own. */
  readonly folder: string | undefined
}

export interface Shelf {
  /** SHA-256 of the file on disk, hex; undefined where it cannot be read. */
  readonly digest: string | undefined
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  readonly adapters: readonly Found<Adapter>[]
  readonly plugins: readonly Found<Plugin>[]
  /** Files that are no adapter or plugin, in a sentence each. */
  readonly misfits: readonly string[]
}

export class Shelves {
  #known: { readonly state: string; readonly shelf: Promise<Shelf> } | undefined

  async now({ file, folder }: GatewayConfig): Promise<Shelf> {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    const folders = { adapter: foldersOf('adapter', text, folder), plugin: foldersOf('plugin', text, folder) }
    const state = JSON.stringify([text, await Promise.all([...folders.adapter, ...folders.plugin].map(({ path }) => stateOf(path)))])
    if (this.#known?.state !== state) this.#known = { state, shelf: shelfOf(file, text, folders) }
    return this.#known.shelf
  }
}

interface Folder {
  readonly path: string
  readonly named: string | undefined
}

function foldersOf(kind: Kind, text: string | undefined, folder: string): readonly Folder[] {
  const own = fileURLToPath(new URL(`../../../${kind}s/`, import.meta.url))
  const more = text === undefined ? [] : foldersIn(text)[kind]
  return [{ path: own, named: undefined }, ...more.map((named) => ({ path: resolve(folder, named), named }))]
}

async function stateOf(path: string): Promise<unknown> {
  const names = await readdir(path).catch(() => [])
  return Promise.all(names.map(async (name) => [name, (await stat(resolve(path, name)).catch(() => undefined))?.mtimeMs]))
}

async function shelfOf(file: string, text: string | undefined, folders: Readonly<Record<Kind, readonly Folder[]>>): Promise<Shelf> {
  const misfits: string[] = []
  const adapters = await allIn<Adapter>('adapter', folders.adapter, misfits)
  const plugins = await allIn<Plugin>('plugin', folders.plugin, misfits)
  const { problems, warnings } = await load(file)
  const said = (all: readonly Complaint[]): readonly string[] => all.map(formatComplaint)
  const digest = text === undefined ? undefined : sha256(text)
  return { digest, problems: said(problems), warnings: said(warnings), adapters, plugins, misfits }
}

async function allIn<T extends { readonly name: string }>(kind: Kind, folders: readonly Folder[], misfits: string[]): Promise<readonly Found<T>[]> {
  const all: Found<T>[] = []
  for (const { path, named } of folders) {
    const items = await discover<T>(path, kind).catch((error: unknown) => {
      const shown = named ?? `${kind}s`
      if (!(error instanceof Misfits)) misfits.push(`${shown} cannot be read`)
      else misfits.push(...error.problems.map(({ file, message }) => `${shown}/${file}: ${message}`))
      return (error instanceof Misfits ? error.found : new Map()) as ReadonlyMap<string, T>
    })
    for (const item of items.values()) all.push({ item, folder: named })
  }
  return all.sort((a, b) => (a.item.name < b.item.name ? -1 : 1))
}
