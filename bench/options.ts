/** What `npm run bench` may be told. */

import { parseArgs } from 'node:util'
import { kinds } from './cases.ts'

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly only: readonly string[]
  /** A run of everything in full length: its figures are worth a page. */
  readonly isWhole: boolean
  readonly saveBaseline: boolean
  readonly growth: boolean
}

const FULL = { rounds: 3, seconds: 3 }

export function options(): Options {
  const usage = `usage: npm run bench -- [--rounds N] [--seconds S] [--only ${[...kinds.keys()].join(',')}] [--save-baseline] [--growth]`
  const values = parsed()
  const rounds = Number(values?.rounds ?? FULL.rounds)
  const seconds = Number(values?.seconds ?? FULL.seconds)
  const standard = [...kinds].filter(([, { onRequest }]) => onRequest !== true).map(([name]) => name)
  const only = values?.only?.split(',') ?? standard
  if (values !== undefined && only.every((name) => kinds.has(name)) && Number.isInteger(rounds) && rounds > 0 && seconds > 0) {
    const isWhole = values.only === undefined && rounds >= FULL.rounds && seconds >= FULL.seconds
    return { rounds, seconds, only, isWhole, saveBaseline: values['save-baseline'], growth: values.growth }
  }
  console.error(usage)
  process.exit(2)
}

function parsed() {
  try {
    return parseArgs({
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        only: { type: 'string' },
        'save-baseline': { type: 'boolean', default: false },
        growth: { type: 'boolean', default: false },
      },
    }).values
  } catch {
    return undefined
  }
}
