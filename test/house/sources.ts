/** Finds and parses the sources of the repository, and says what each file imports. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const FOLDERS = ['gateway', 'plugins', 'adapters', 'config', 'test', 'bench']

export interface Import {
  /** As written. */
  readonly name: string
  readonly line: number
  /** The file meant, from the repository's root; undefined for libraries and Node's own modules. */
  readonly target: string | undefined
}

export interface Source {
  /** From the repository's root. */
  readonly file: string
  readonly text: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

/** The tests run from dist/, so the root is looked for instead of counted. */
export const root = rootAbove(dirname(fileURLToPath(import.meta.url)))

function rootAbove(folder: string): string {
  return existsSync(`${folder}/package.json`) ? folder : rootAbove(dirname(folder))
}

export function readSources(): readonly Source[] {
  return FOLDERS.filter((folder) => existsSync(`${root}/${folder}`))
    .flatMap(filesBelow)
    .sort()
    .map(readSource)
}

function filesBelow(folder: string): string[] {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path)
    return /\.(ts|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : []
  })
}

const readSource = (file: string): Source => parse(file, readFileSync(`${root}/${file}`, 'utf8'))

export function parse(file: string, text: string): Source {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  return { file, text, tree, imports: importsOf(file, tree) }
}

export const lineOf = (node: ts.Node): number => {
  const tree = node.getSourceFile()
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

/** Calls `see` for each node of the tree, parents before children. */
export function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, (child) => walk(child, see))
}

function importsOf(file: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  walk(tree, (node) => {
    const name = nameImported(node)
    if (name !== undefined) found.push({ name, line: lineOf(node), target: resolve(file, name) })
  })
  return found
}

/** Of `import`, `export from`, `import()`, `import('…').Type` and `new URL('./worker.js', import.meta.url)`. */
function nameImported(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier)
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : undefined
  if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require')) {
    return literal(node.arguments[0])
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'URL' && node.arguments?.[1]?.getText() === 'import.meta.url') {
    const name = literal(node.arguments[0])
    return name !== undefined && /\.(ts|js|mjs)$/.test(name) ? name : undefined
  }
  return undefined
}

const literal = (node: ts.Node | undefined): string | undefined => (node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined)

function resolve(file: string, name: string): string | undefined {
  if (name === '#contract') return 'gateway/contract/index.ts'
  if (!name.startsWith('.')) return undefined
  // What is bundled under the name of where it begins.
  const path = posix.join(posix.dirname(file), name).replace(/^dist\/bundle\/(.+)\.js$/, (_, entry: string) => `dist/${entry.replaceAll('.', '/')}.js`)
  const source = path.replace(/^dist\//, '').replace(/\.js$/, '.ts')
  return path.startsWith('dist/') || existsSync(`${root}/${source}`) ? source : path
}
