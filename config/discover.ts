/** Plugins and adapters are found by being there; the file's name is its name; a surprise stops the start with one sentence each. */

import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { type Adapter, messageOf } from '#contract'
import { isProven } from '../gateway/rules/index.ts'
import { faultsOfAdapter } from './adapter-check/index.ts'

export type Kind = 'plugin' | 'adapter'

interface Expected {
  readonly has: (item: Record<string, unknown>) => boolean
  readonly helper: string
  /** One that lacks something is told what; anything else, that it is none. */
  readonly resembles?: (item: Record<string, unknown>) => boolean
  /** What is wrong with one that looks like its kind. */
  readonly faults?: (item: Record<string, unknown>) => readonly string[]
}

/** What a file of each kind must export, besides its name. */
const EXPECTED: Readonly<Record<Kind, Expected>> = {
  plugin: { has: (item) => typeof item.create === 'function' && typeof item.settings === 'object' && item.settings !== null, helper: 'definePlugin' },
  adapter: {
    has: (item) => Array.isArray(item.operations) && Array.isArray(item.failures),
    resembles: (item) => 'operations' in item || 'baseUrl' in item,
    helper: 'defineAdapter',
    faults: (item) => faultsOfAdapter(item as unknown as Adapter),
  },
}

export interface Misfit {
  /** Its name within the folder. */
  readonly file: string
  readonly message: string
}

/** Files that do not fit. What fits is there nevertheless, so that nothing else is complained about for their sake. */
export class Misfits extends Error {
  override name = 'Misfits'
  readonly problems: readonly Misfit[]
  readonly found: ReadonlyMap<string, { readonly name: string }>

  constructor(problems: readonly Misfit[], found: ReadonlyMap<string, { readonly name: string }>) {
    super(problems.map(({ file, message }) => `${file}: ${message}`).join('\n'))
    this.problems = problems
    this.found = found
  }
}

/** `.mjs` everywhere; `.ts` where Node strips types itself. Declarations, source maps and hidden files are no sources. */
const SOURCE = /^([A-Za-z0-9][\w-]*)\.(js|mjs|ts)$/

/**
 * @param folder of files that each export one plugin or adapter by default
 * @throws Misfits with one sentence a problem, which names the file, what was found and what was expected
 */
export async function discover<T extends { readonly name: string }>(folder: URL | string, kind: Kind): Promise<Map<string, T>> {
  const base = typeof folder === 'string' ? pathToFileURL(folder) : folder
  const directory = base.href.endsWith('/') ? base : new URL(`${base.href}/`)
  const files = (await readdir(directory)).filter((file) => SOURCE.test(file)).sort()
  const items = await Promise.all(files.map((file) => load(new URL(encodeURIComponent(file), directory), file, kind)))
  const found = new Map<string, T>()
  const problems: Misfit[] = []
  for (const [index, { item, faults }] of items.entries()) {
    const file = sourceOf(directory, files[index] as string)
    problems.push(...faults.map((message) => ({ file, message })))
    if (item === undefined) continue
    if (found.has(item.name)) problems.push({ file, message: `there are two files for the ${kind} ${item.name}; expected one` })
    else found.set(item.name, item as T)
  }
  if (problems.length > 0) throw new Misfits(problems, found)
  return found
}

/** What a person would open: files in dist/ are made from those of the same name beside it. */
function sourceOf(directory: URL, file: string): string {
  const [, folder] = /\/dist\/(\w+)\/$/.exec(directory.pathname) ?? []
  const source = file.replace(/\.js$/, '.ts')
  return folder !== undefined && existsSync(new URL(`../../${folder}/${source}`, directory)) ? source : file
}

export interface Found {
  /** Undefined where it cannot even be named. */
  readonly item: { readonly name: string } | undefined
  readonly faults: readonly string[]
}

const misfit = (fault: string): Found => ({ item: undefined, faults: [fault] })

/** One file by itself. */
export async function load(url: URL, file: string, kind: Kind): Promise<Found> {
  const name = file.replace(SOURCE, '$1')
  const { has, resembles, helper, faults } = EXPECTED[kind]
  const expected = `expected export default ${helper}({ name: '${name}', ... })`
  let item: unknown
  try {
    item = (await imported(url)).default
  } catch (cause) {
    return misfit(`could not be loaded: ${messageOf(cause)}; ${expected}`)
  }
  if (typeof item !== 'object' || item === null) return misfit(`found ${item === undefined ? 'no default export' : `a ${typeof item}`}; ${expected}`)
  const given = item as Record<string, unknown>
  try {
    if (given.name !== name) return misfit(`found the name ${JSON.stringify(given.name)}; ${expected}`)
    const fits = has(given)
    if (!fits && resembles?.(given) !== true) return misfit(`found something that is no ${kind}; ${expected}`)
    return { item: fits ? (given as { name: string }) : undefined, faults: faults === undefined || (await isKnownGood(url)) ? [] : faults(given) }
  } catch (cause) {
    // A member can be code that throws when it is looked at.
    return misfit(`could not be looked at: ${messageOf(cause)}; ${expected}`)
  }
}

/** Where our own are. */
const OWN = new URL('../adapters/', import.meta.url).href

/** What the build has looked at and found good needs no second look; a byte more, or another place, and it does. */
const isKnownGood = async (url: URL): Promise<boolean> => url.href.startsWith(OWN) && isProven(await readFile(url))

interface Loaded {
  readonly default?: unknown
}

/** What was read when a file was first loaded. */
const first = new Map<string, string>()

/** A file that has changed since is another module: the old one stays in memory, and what it imports itself is not read again. */
async function addressOf(url: URL): Promise<string> {
  const { mtimeMs, size } = await stat(url)
  const stamp = `${mtimeMs}-${size}`
  const before = first.get(url.href)
  if (before === undefined) first.set(url.href, stamp)
  return before === undefined || before === stamp ? url.href : `${url.href}?changed=${stamp}`
}

/** Files outside of any installation may say `atlas-gateway` (or `#contract`) all the same: they get the contract of the gateway that loads them. */
async function imported(url: URL): Promise<Loaded> {
  const address = await addressOf(url)
  try {
    return (await import(address)) as Loaded
  } catch (error) {
    if (!LACKS_CONTRACT.test(error instanceof Error ? error.message : '')) throw error
    lendContract()
    return (await import(`${address}${address === url.href ? '?' : '&'}lent`)) as Loaded
  }
}

const LACKS_CONTRACT = /Cannot find package 'atlas-gateway'|"?#contract"? is not defined/

let lent = false
function lendContract(): void {
  if (lent) return
  lent = true
  const at = (path: string): string => new URL(path, import.meta.url).href
  const data = {
    'atlas-gateway': at('../gateway/contract/index.js'),
    '#contract': at('../gateway/contract/index.js'),
    'atlas-gateway/kit': at('../gateway/kit/index.js'),
  }
  register('./lent-names.mjs', { parentURL: import.meta.url, data })
}
