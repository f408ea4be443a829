/** Plugins and adapters are found by being there; the file's name is its name; a surprise stops the start with one sentence. */

import { readdir } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'

export type Kind = 'plugin' | 'adapter'

/** What a file of each kind must export, besides its name. */
const EXPECTED: Readonly<Record<Kind, { readonly has: (item: Record<string, unknown>) => boolean; readonly helper: string }>> = {
  plugin: { has: (item) => typeof item.create === 'function' && typeof item.settings === 'object' && item.settings !== null, helper: 'definePlugin' },
  adapter: { has: (item) => Array.isArray(item.operations) && Array.isArray(item.failures), helper: 'defineAdapter' },
}

/** `.mjs` everywhere; `.ts` where Node strips types itself. Declarations, source maps and hidden files are no sources. */
const SOURCE = /^([A-Za-z0-9][\w-]*)\.(js|mjs|ts)$/

/**
 * @param folder of files that each export one plugin or adapter by default
 * @throws Error with one sentence that names the file, what was found and what was expected
 */
export async function discover<T extends { readonly name: string }>(folder: URL | string, kind: Kind): Promise<Map<string, T>> {
  const base = typeof folder === 'string' ? pathToFileURL(folder) : folder
  const directory = base.href.endsWith('/') ? base : new URL(`${base.href}/`)
  const files = (await readdir(directory)).filter((file) => SOURCE.test(file)).sort()
  const items = await Promise.all(files.map((file) => load(new URL(encodeURIComponent(file), directory), file, kind)))
  const found = new Map<string, T>()
  for (const [index, item] of items.entries()) {
    if (found.has(item.name)) throw new Error(`${files[index]}: there are two files for the ${kind} ${item.name}; expected one`)
    found.set(item.name, item as T)
  }
  return found
}

async function load(url: URL, file: string, kind: Kind): Promise<{ readonly name: string }> {
  const name = file.replace(SOURCE, '$1')
  const { has, helper } = EXPECTED[kind]
  const expected = `expected export default ${helper}({ name: '${name}', ... })`
  const { default: item } = (await import(url.href).catch((cause: unknown) => {
    throw new Error(`${file}: could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}; ${expected}`, { cause })
  })) as { default?: unknown }
  if (typeof item !== 'object' || item === null) throw new Error(`${file}: found ${item === undefined ? 'no default export' : `a ${typeof item}`}; ${expected}`)
  const given = item as Record<string, unknown>
  if (given.name !== name) throw new Error(`${file}: found the name ${JSON.stringify(given.name)}; ${expected}`)
  if (!has(given)) throw new Error(`${file}: found something that is no ${kind}; ${expected}`)
  return given as { name: string }
}
