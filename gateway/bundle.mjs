/**
 * Joins what `atlas` runs, its rooms and its libraries, into few files in dist/bundle: of a start in hundreds of modules Node spent a
 * third of the time in finding and reading them. The contract, plugins and adapters stay files of their own, since files from outside
 * speak the same contract. Names stay and there are maps, so that a stack says what it said before.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** Where a process or a thread begins. */
const ENTRIES = [
  'gateway/main',
  'gateway/doors/workers/main',
  'gateway/stores/snapshotter',
  'gateway/stores/reader-thread',
  'gateway/books/worker',
  'gateway/books/postgres/worker',
]

/** Native, read as files, seldom needed, or not installed because nobody asks for them. */
const OUTSIDE = ['libsql', 'uplot', 'ajv', 'pg-native', 'http-lambda-proxy', 'fast-proxy', 'faye-websocket']

const CONTRACT = 'gateway/contract'

/** For libraries that are CommonJS. */
const REQUIRE = "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"

/**
 * @param {string} dist
 * @param {readonly string[]} before files of the bundle before, which a gateway that runs may still load
 * @returns {Promise<string[]>} those of now
 */
export async function bundle(dist, before) {
  const { build } = await import('esbuild')
  const folder = join(dist, 'bundle')
  const { outputFiles } = await build({
    absWorkingDir: dist,
    entryPoints: ENTRIES.map((entry) => ({ in: `${entry}.js`, out: nameOf(entry) })),
    outdir: folder,
    chunkNames: '[name]-[hash]',
    ...{ bundle: true, splitting: true, write: false, sourcemap: 'linked', sourcesContent: false, charset: 'ascii' },
    ...{ format: 'esm', platform: 'node', target: 'node20', logLevel: 'silent', external: OUTSIDE },
    banner: { js: REQUIRE },
    plugins: [placing(dist)],
  })
  mkdirSync(folder, { recursive: true })
  const files = outputFiles.map(({ path, contents }) => ({ name: relative(folder, path), contents }))
  // Entries last: what they name is there by then.
  files.sort((a, b) => Number(isEntry(a.name)) - Number(isEntry(b.name)))
  for (const { name, contents } of files) {
    writeFileSync(join(folder, `${name}.${process.pid}`), contents)
    renameSync(join(folder, `${name}.${process.pid}`), join(folder, name))
  }
  const names = files.map(({ name }) => name)
  for (const name of readdirSync(folder)) if (!names.includes(name) && !before.includes(name)) rmSync(join(folder, name), { force: true })
  return names
}

const nameOf = (entry) => entry.replaceAll('/', '.')
const isEntry = (name) => ENTRIES.some((entry) => name === `${nameOf(entry)}.js`)

/** Each module goes on knowing where it stands, but threads and processes begin in the bundle, and of the contract there is no copy. */
function placing(dist) {
  const below = (path) => relative(dist, path)
  const inContract = (path) => dirname(path) === join(dist, CONTRACT)
  const placed = (path, text) =>
    text
      .replace(/new URL\('(\.\/[\w-]+\.js)', import\.meta\.url\)/g, (whole, name) => {
        const entry = below(resolve(dirname(path), name)).replace(/\.js$/, '')
        return ENTRIES.includes(entry) ? `new URL('./${nameOf(entry)}.js', $HERE$)` : whole
      })
      .replaceAll('import.meta.url', `new URL('../${below(path)}', $HERE$).href`)
      .replaceAll('$HERE$', () => 'import.meta.url')
  return {
    name: 'placing',
    setup(build) {
      build.onResolve({ filter: /^#contract$/ }, () => ({ path: `../${CONTRACT}/index.js`, external: true }))
      build.onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, importer }) => {
        const target = resolve(dirname(importer), path)
        return inContract(target) ? { path: `../${below(target)}`, external: true } : undefined
      })
      build.onLoad({ filter: /\.js$/ }, ({ path }) => {
        if (!path.startsWith(`${dist}/`)) return undefined
        const text = readFileSync(path, 'utf8')
        return text.includes('import.meta.url') ? { contents: placed(path, text), loader: 'js' } : undefined
      })
    },
  }
}
