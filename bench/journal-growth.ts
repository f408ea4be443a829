/**
 * How long a start takes when there have been ten million calls: `node dist/bench/journal-growth.js [--records N] [--folder F]`.
 * Writes about 1.1 KB a record below the folder (default: the system's for temporary files) and removes it. Asserts no times.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const TEN_MILLION = '10000000'
const ROUNDS = 3

const { values } = parseArgs({ options: { records: { type: 'string', default: TEN_MILLION }, folder: { type: 'string', default: tmpdir() } } })
const folder = mkdtempSync(join(values.folder, 'atlas-growth-'))
// Each in a process of its own: what was made says nothing of what a start needs.
const run = (what: string): number | null =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../test/rig/growth.js', import.meta.url)), what, folder, values.records], { stdio: 'inherit' }).status
try {
  const statuses = [run('make'), ...Array.from({ length: ROUNDS }, () => run('open'))]
  process.exitCode = statuses.some((status) => status !== 0) ? 1 : 0
} finally {
  rmSync(folder, { recursive: true, force: true })
}
