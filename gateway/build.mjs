/**
 * Transpiles changed sources to dist/: types are erased, nothing is checked (that is `npm run typecheck`).
 * dist/.sources.json remembers the digest of each source, so that stale code never runs and removed files leave dist.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const manifestFile = join(dist, '.sources.json')
const PRODUCT = ['gateway', 'plugins', 'adapters', 'config']
/** What a running gateway finds by itself. */
const FOUND = ['plugins', 'adapters']
const ALL = [...PRODUCT, 'test', 'bench']

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

const outputOf = (source) => join(dist, source.replace(/\.ts$/, '.js'))

function readManifest() {
  try {
    return JSON.parse(readFileSync(manifestFile, 'utf8'))
  } catch {
    return {}
  }
}

/** @param {{ only?: 'product' | 'found' }} [options] `product`: what `atlas` runs, without tests and benchmarks; `found`: plugins and adapters alone */
export async function build(options = {}) {
  const folders = options.only === 'product' ? PRODUCT : options.only === 'found' ? FOUND : ALL
  const before = readManifest()
  const after = {}
  for (const [source, digest] of Object.entries(before)) {
    if (!folders.includes(source.split('/')[0])) after[source] = digest
  }
  const changed = []
  for (const folder of folders) {
    let sources = []
    try {
      sources = sourcesBelow(folder)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
    for (const source of sources) {
      const text = readFileSync(join(root, source))
      after[source] = createHash('sha256').update(text).digest('base64url')
      if (before[source] !== after[source]) changed.push({ source, text: text.toString() })
    }
  }
  const removed = Object.keys(before).filter((source) => after[source] === undefined)
  if (changed.length === 0 && removed.length === 0) return 0
  for (const source of removed) for (const file of [outputOf(source), `${outputOf(source)}.map`]) rmSync(file, { force: true })
  if (changed.length > 0) await transpile(changed)
  mkdirSync(dist, { recursive: true })
  writeFileSync(`${manifestFile}.${process.pid}`, JSON.stringify(after))
  renameSync(`${manifestFile}.${process.pid}`, manifestFile)
  return changed.length + removed.length
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
