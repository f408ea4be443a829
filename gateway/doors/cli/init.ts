/** `atlas init`: a commented gateway.config.yml from five questions, or from their defaults with --yes. */
import { existsSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { type Adapter, parseUsd } from '#contract'
import { hint } from '../../../config/complaints.ts'
import { adapters, DEFAULT_FILE, Failure, load } from './context.ts'
import { configText, type Wishes } from './init-text.ts'
import type { Common } from './printing.ts'

interface Options extends Common {
  readonly yes?: boolean
  readonly force?: boolean
}

export function addInitCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('init').description('write a commented configuration from five questions'))
    .option('--yes', 'ask nothing: Nansen with its list price, in sandbox mode')
    .option('--force', 'replace a file that is there')
    .action(init)
}

async function init({ config, json, yes, force }: Options): Promise<void> {
  const file = config ?? DEFAULT_FILE
  if (existsSync(file) && force !== true) throw new Failure(`${file} is there already; say --force to replace it, or --config FILE for another one`)
  if (yes !== true && process.stdin.isTTY !== true) throw new Failure('the five questions need a terminal; say --yes to take their defaults', 2)
  const sellable = new Map([...(await adapters())].filter(([, { baseUrl }]) => baseUrl !== undefined))
  const wishes = yes === true ? byDefault(sellable) : await asked(sellable)
  const text = configText(wishes)
  const { problems } = await load(file, undefined, { text })
  if (problems.length > 0) throw new Error(`the configuration that was made is not good: ${problems.map(({ message }) => message).join('; ')}`)
  try {
    writeFileSync(file, text, { flag: force === true ? 'w' : 'wx', mode: 0o600 })
  } catch (error) {
    throw new Failure(`${file} cannot be written (${(error as NodeJS.ErrnoException).code}); choose another one with --config FILE`)
  }
  const next = `atlas start${config === undefined ? '' : ` --config ${config}`}`
  const said = `${file} is written: ${wishes.adapter.title}, ${wishes.quota - wishes.reserved} of ${wishes.quota} units for sale, in sandbox mode\nnext: ${next}`
  process.stdout.write(
    `${json === true ? JSON.stringify({ file, api: wishes.adapter.name, quota: wishes.quota, reserved: wishes.reserved }, null, 2) : said}\n`,
  )
}

/** Where the adapter says nothing typical. */
const QUOTA = 10_000
const COST = '$100'
const KEPT = 0.3
/** Of the sandbox. */
const PLAY_WALLET = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C'

const costOf = ({ subscriptionCostUsd }: Adapter): string => (subscriptionCostUsd === undefined ? COST : `$${subscriptionCostUsd.replace(/^\$/, '')}`)
const quotaOf = ({ quota }: Adapter): number => quota.typical?.[0] ?? QUOTA
const reserveOf = (quota: number): number => Math.round(quota * KEPT)

function byDefault(all: ReadonlyMap<string, Adapter>): Wishes {
  const adapter = all.get('nansen') ?? ([...all.values()][0] as Adapter)
  const quota = quotaOf(adapter)
  return { adapter, quota, reserved: reserveOf(quota), cost: costOf(adapter), wallet: PLAY_WALLET }
}

/** What an answer must be: a value, or a sentence on what is wrong with it. */
type Reading<T> = { readonly value: T } | { readonly wrong: string }

async function asked(all: ReadonlyMap<string, Adapter>): Promise<Wishes> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const ask = async <T>(question: string, standard: string, read: (text: string) => Reading<T>): Promise<T> => {
    for (;;) {
      const reading = read((await terminal.question(`${question} [${standard}] `)).trim() || standard)
      if ('value' in reading) return reading.value
      process.stderr.write(`  ${reading.wrong}\n`)
    }
  }
  try {
    const adapter = await ask('1/5  Which API do you have a subscription to?', 'nansen', (text): Reading<Adapter> => {
      const found = all.get(text.toLowerCase())
      return found === undefined ? { wrong: `there is no adapter ${text}; ${hint(text, all.keys())}` } : { value: found }
    })
    const unit = adapter.quota.unit
    const quota = await ask(`2/5  How many ${unit}s a month does it have?`, String(quotaOf(adapter)), count(1))
    const reserved = await ask('3/5  How many of them do you keep for yourself?', String(reserveOf(quota)), count(0, quota))
    const cost = await ask('4/5  What does it cost a month?', costOf(adapter), amount)
    const wallet = await ask('5/5  Which wallet receives what consumers pay?', PLAY_WALLET, address)
    return { adapter, quota, reserved, cost, wallet }
  } finally {
    terminal.close()
  }
}

const count =
  (least: number, most = 999_999_999_999) =>
  (text: string): Reading<number> => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : -1
    return value >= least && value <= most ? { value } : { wrong: `${text} is no number of units; expected ${least} to ${most}` }
  }

function amount(text: string): Reading<string> {
  const value = parseUsd(text)
  return value === undefined || value <= 0n ? { wrong: `${text} is no amount; expected for example $500` } : { value: text.startsWith('$') ? text : `$${text}` }
}

const address = (text: string): Reading<string> =>
  /^0x[0-9a-fA-F]{40}$/.test(text) ? { value: text } : { wrong: `${text} is no address; expected 0x and 40 hex digits` }
