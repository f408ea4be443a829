/** Peers that are Node servers. Those of bench/peers have a lock file of their own; without a registry they are left out, and that is said. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './case.ts'
import { answer, root, start, stop } from './process.ts'

const folder = join(root, 'bench/peers')
let tried = false

export function installed(name: string): boolean {
  const isThere = (): boolean => existsSync(join(folder, 'node_modules', name, 'package.json'))
  if (isThere() || tried) return isThere()
  tried = true
  try {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' })
  } catch {
    console.log('npm ci in bench/peers failed: what it would have installed is skipped')
  }
  return isThere()
}

type Asked = Pick<Case, 'requests' | 'uniqueAt' | 'connections'>

/** `file` of bench/servers; by default the case's own name. */
export async function startPeer(name: string, args: readonly number[], ask: (port: number) => Asked | Promise<Asked>, file = name): Promise<Case> {
  const child = start(`./servers/${file}.js`, args.map(String))
  const { port } = await answer<{ port: number }>(child)
  return { name, port, pid: child.pid as number, ...(await ask(port)), stop: () => stop(child) }
}
