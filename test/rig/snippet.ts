/** Code as somebody would paste it: TypeScript checked strictly and run by Node, and commands run by a shell, in a folder of their own. */

import { spawn } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type Teardown, temporaryFolder } from './folder.ts'

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The packages of the repository are installed in it. */
export function projectFolder(t: Teardown): string {
  const folder = temporaryFolder(t)
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return folder
}

const OPTIONS: ts.CompilerOptions = {
  ...{ strict: true, noEmit: true, skipLibCheck: true, preserveSymlinks: true, types: ['node'] },
  ...{
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  },
}

/** What the compiler says of these files; nothing where they are good. */
export function typeFaults(folder: string, files: Readonly<Record<string, string>>): string[] {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const names = Object.keys(files).map((name) => join(folder, name))
  const program = ts.createProgram(names, { ...OPTIONS, typeRoots: [join(folder, 'node_modules', '@types')] })
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}

export function runTypeScript(folder: string, code: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const file = join(folder, 'snippet.mjs')
  writeFileSync(file, ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText)
  return run(process.execPath, [file], folder, env)
}

export const runShell = (folder: string, command: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  run('/bin/sh', ['-c', command], folder, env)

async function run(command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const child = spawn(command, args, { cwd, env: { PATH: process.env.PATH ?? '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const read = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk) => (read[name] += String(chunk)))
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { status, ...read }
}
