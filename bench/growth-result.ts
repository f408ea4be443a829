/** What the last run with `--growth` found: it takes too long for every run, so that its figure is kept with its date. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './process.ts'

export interface Growth {
  readonly date: string
  readonly keys: number
  readonly records: number
  /** Requests/s with them to requests/s of an empty gateway, medians of interleaved rounds. */
  readonly ratio: number
  readonly readyMs: number
  readonly emptyReadyMs: number
  readonly idleMb: number | undefined
}

const file = join(root, 'bench/growth.json')

export const readGrowth = (): Growth | undefined => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Growth) : undefined)

export const writeGrowth = (growth: Growth): void => writeFileSync(file, `${JSON.stringify(growth, null, 2)}\n`)
