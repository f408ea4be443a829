/**
 * Transpiles changed sources to dist/: types are erased, nothing is checked (that is `npm run typecheck`). Of the whole product it makes
 * rules (gateway/kit/make-rules.ts) and a bundle (bundle.mjs), which is what `atlas` runs; tests run the files by themselves.
 * dist/.sources.json remembers the digest of each source, so that stale code never runs and removed files leave dist.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const manifestFile = join(dist, '.sources.json')
const PRODUCT = ['gateway', 'plugins', 'adapters', 'config']
/** What a running gateway finds by itself. */
const FOUND = ['plugins', 'adapters']
const ALL = [...PRODUCT, 'test', 'bench']

/** What changes with the libraries that are bundled. Not there where everything is installed from a package. */
const LOCK = 'package-lock.json'

const isSource = (name) => /\.(ts|js|mjs|css)$/.test(name) && !name.endsWith('.d.ts')

function sourcesBelow(folder) {
  const found = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) found.push(...sourcesBelow(path))
    else if (isSource(entry.name)) found.push(path)
  }
  return found
}

function sourcesOf(folders) {
  return folders.flatMap((folder) => {
    try {
      return sourcesBelow(folder)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
      return []
    }
  })
}

const outputOf = (source) => join(dist, source.replace(/\.ts$/, '.js'))
const isBelow = (folders) => (source) => folders.includes(source.split('/')[0])

/** `sources`: each with its digest and the stamp that it had then; `rules` and `bundle`: of what they were made; `files`: those of the bundle. */
function readManifest() {
  try {
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))
    return manifest.sources === undefined ? { sources: {} } : manifest
  } catch {
    return { sources: {} }
  }
}

function writeManifest(manifest) {
  mkdirSync(dist, { recursive: true })
  writeFileSync(`${manifestFile}.${process.pid}`, JSON.stringify(manifest))
  renameSync(`${manifestFile}.${process.pid}`, manifestFile)
}

/** Within a tick of the file system's clock a file may change twice and keep its stamp: a young one has none yet. */
const YOUNG_MS = 100

function stampOf(path) {
  const { size, mtimeMs } = statSync(path)
  return Date.now() - mtimeMs < YOUNG_MS ? null : `${size}:${mtimeMs}`
}

/** Its digest, read again only where size or time of change are others than when it was read. */
function lookAt(source, known) {
  const path = join(root, source)
  const stamp = stampOf(path)
  if (known !== undefined && stamp !== null && known[1] === stamp) return { entry: known }
  const text = readFileSync(path)
  const digest = createHash('sha256').update(text).digest('base64url')
  return { entry: [digest, stamp], text: digest === known?.[0] ? undefined : text.toString() }
}

/**
 * @param {{ only?: 'product' | 'found' }} [options] `product`: what `atlas` runs, without tests and benchmarks; `found`: plugins and adapters
 *   alone, for a gateway that runs
 * @returns how many sources had changed
 */
export async function build(options = {}) {
  const folders = options.only === 'product' ? PRODUCT : options.only === 'found' ? FOUND : ALL
  const before = readManifest()
  const after = { ...before, sources: {} }
  const isOurs = isBelow(folders)
  for (const [source, entry] of Object.entries(before.sources)) if (!isOurs(source)) after.sources[source] = entry
  const changed = []
  for (const source of sourcesOf(folders)) {
    const { entry, text } = lookAt(source, before.sources[source])
    after.sources[source] = entry
    if (text !== undefined) changed.push({ source, text })
  }
  const removed = Object.keys(before.sources).filter((source) => after.sources[source] === undefined)
  for (const source of removed) for (const file of [outputOf(source), `${outputOf(source)}.map`]) rmSync(file, { force: true })
  if (changed.length > 0) await transpile(changed)
  const made = options.only === 'found' ? [] : await makeParts(after)
  save(after, before, changed.length + removed.length + made.length > 0)
  return changed.length + removed.length
}

/** New stamps alone are worth a try: where nothing may be written, sources are read again next time. */
function save(after, before, isDue) {
  if (!isDue && JSON.stringify(after) === JSON.stringify(before)) return
  try {
    writeManifest(after)
  } catch (error) {
    if (isDue) throw error
  }
}

/** What is made of all of the product together, where that has changed. */
async function makeParts(manifest) {
  const made = []
  const rules = digestOf(manifest, PRODUCT)
  if (manifest.rules !== rules) {
    execFileSync(process.execPath, [join(dist, 'gateway/kit/make-rules.js')], { stdio: 'inherit' })
    made.push('rules')
  }
  const bundled = digestOf(manifest, ['gateway', 'config'], lockDigest() ?? manifest.lock)
  if (manifest.bundle !== bundled) {
    const { bundle } = await import('./bundle.mjs')
    manifest.files = await bundle(dist, manifest.files ?? [])
    made.push('bundle')
  }
  Object.assign(manifest, { rules, bundle: bundled, lock: lockDigest() ?? manifest.lock })
  return made
}

function digestOf({ sources }, folders, more = '') {
  const hash = createHash('sha256').update(more)
  for (const source of Object.keys(sources).filter(isBelow(folders)).sort()) hash.update(`\n${source} ${sources[source][0]}`)
  return hash.digest('base64url')
}

function lockDigest() {
  try {
    return createHash('sha256')
      .update(readFileSync(join(root, LOCK)))
      .digest('base64url')
  } catch {
    return undefined
  }
}

async function transpile(files) {
  let ts
  try {
    ts = (await import('typescript')).default
  } catch {
    throw new Error(`${files[0].source} is newer than dist and TypeScript is not installed; run npm ci`)
  }
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    rewriteRelativeImportExtensions: true,
    // Node keeps the text of each module in memory, with every comment and every map that stands in it.
    removeComments: true,
    sourceMap: true,
    inlineSources: true,
  }
  for (const { source, text } of files) {
    const output = outputOf(source)
    mkdirSync(dirname(output), { recursive: true })
    if (!source.endsWith('.ts')) writeFileSync(output, text)
    else {
      const { outputText, sourceMapText } = ts.transpileModule(text, { fileName: source, compilerOptions })
      writeFileSync(`${output}.map`, sourceMapText)
      writeFileSync(output, asciiOf(outputText))
    }
  }
}

/** One character beyond ASCII makes all characters of a module take two bytes; outside of comments they stand in literals only. */
const asciiOf = (code) => code.replace(/\P{ASCII}+/gu, escaped)

const escaped = (text) => Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const count = await build()
  if (count > 0) console.log(`${count} files transpiled`)
}
