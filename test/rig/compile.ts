/** Solidity to bytecode. The compiler takes seconds to load, so its result is kept in the OS's temp folder by the source's digest. */

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Hex = `0x${string}`

interface Compiler {
  compile(input: string): string
}

interface CompilerOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, { readonly evm: { readonly deployedBytecode: { readonly object: string } } }>>>>
}

const require = createRequire(import.meta.url)

function compileNow(source: string): Record<string, Hex> {
  const compiler: Compiler = require('solc')
  const input = {
    language: 'Solidity',
    sources: { 'rig.sol': { content: source } },
    settings: { optimizer: { enabled: true, runs: 200 }, outputSelection: { '*': { '*': ['evm.deployedBytecode.object'] } } },
  }
  const output: CompilerOutput = JSON.parse(compiler.compile(JSON.stringify(input)))
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error')
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'))
  const contracts = Object.entries(output.contracts?.['rig.sol'] ?? {})
  return Object.fromEntries(contracts.map(([name, contract]): [string, Hex] => [name, `0x${contract.evm.deployedBytecode.object}`]))
}

/** Contract name -> code as it stands on a chain (not the code that deploys it). */
export function compiled(source: string): Record<string, Hex> {
  const { version }: { version: string } = require('solc/package.json')
  const digest = createHash('sha256').update(`${version}\n${source}`).digest('hex')
  const folder = join(tmpdir(), `atlas-rig-${process.getuid?.() ?? 'user'}`)
  const file = join(folder, `${digest}.json`)
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    const result = compileNow(source)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(result), { mode: 0o600 })
    renameSync(`${file}.${process.pid}`, file)
    return result
  }
}
