/** `atlas diff` and `atlas reload`: what a changed configuration means, and taking it while calls run. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { formatComplaint } from '../../../config/complaints.ts'
import type { GatewayConfig } from '../../../config/model.ts'
import { type Difference, differenceOf } from '../../generations/difference.ts'
import { type Answered, askGateway, placeOf } from './asking.ts'
import { DEFAULT_FILE, Failure, load, loadGood } from './context.ts'
import { differenceText } from './difference-text.ts'
import type { Common } from './printing.ts'

export function addReloadCommands(program: Command, common: (command: Command) => Command): void {
  common(program.command('diff').description('what a changed configuration would change: prices, what is for sale, routes, the chain, limits'))
    .option('--against <file>', 'what it is compared with; default: what the running gateway has')
    .action(diff)
  common(program.command('reload').description('let the running gateway take its configuration as it stands in the file now, without dropping a call')).action(
    reload,
  )
}

type Diff = Difference & { readonly warnings: readonly string[] }

async function diff({ config: file = DEFAULT_FILE, against, json }: Common & { readonly against?: string }): Promise<void> {
  try {
    const answered = against === undefined ? await askedOf(file) : await compared(file, against)
    const difference = answered.value as Diff
    process.stderr.write(`${answered.by}\n`)
    for (const warning of difference.warnings) process.stderr.write(`warning: ${warning}\n`)
    process.stdout.write(`${json === true ? JSON.stringify(difference, null, 2) : differenceText(difference)}\n`)
  } catch (error) {
    refused(error, json)
  }
}

/** The running gateway knows what it has; where none runs, the file that it would run with is compared. */
async function askedOf(file: string): Promise<Answered> {
  const { config, problems } = await load(file)
  if (config === undefined) throw new Failure(problems.map(formatComplaint).join('\n'), 1, { taken: false, problems: problems.map(formatComplaint) })
  const text = await readFile(file, 'utf8')
  const isDefault = resolve(file) === resolve(DEFAULT_FILE)
  const present = isDefault ? undefined : (await load(DEFAULT_FILE)).config
  for (const known of present === undefined ? [config] : [present, config]) {
    const answered = await askGateway(known, { method: 'POST', path: '/api/diff', body: { text, file } })
    if (answered !== undefined) return answered
  }
  const nobody = `no gateway runs at ${placeOf(present ?? config)}`
  if (present !== undefined) return { value: between(present, config), by: `${nobody}; ${DEFAULT_FILE} and ${file} are compared` }
  throw new Failure(`${nobody}, so that there is nothing to compare ${file} with; name a file with --against`)
}

async function compared(file: string, against: string): Promise<Answered> {
  const [present, next] = [(await loadGood(against)).config, (await loadGood(file)).config]
  return { value: between(present, next), by: `${against} and ${file} are compared` }
}

const between = (present: GatewayConfig, next: GatewayConfig): Diff => ({ ...differenceOf(present, next), warnings: [] })

interface Taken {
  readonly generation: number
  readonly changes: Difference['changes']
  readonly warnings: readonly string[]
}

/** The file may be bad: then the gateway is found by its last word, and says what is wrong with it. */
async function reload({ config: file = DEFAULT_FILE, json }: Common): Promise<void> {
  try {
    const { config, problems } = await load(file)
    if (config === undefined) throw new Failure(problems.map(formatComplaint).join('\n'), 1, { taken: false, problems: problems.map(formatComplaint) })
    const answered = await askGateway(config, { method: 'POST', path: '/api/reload', body: {} })
    if (answered === undefined) throw new Failure(`no gateway of ${file} runs at ${placeOf(config)}; atlas start takes the file as it is`)
    const taken = answered.value as Taken
    process.stderr.write(`${answered.by}\n`)
    for (const warning of taken.warnings) process.stderr.write(`warning: ${warning}\n`)
    const differs = taken.changes.length > 0 ? differenceText({ changes: taken.changes, needs_restart: [] }) : NOTHING
    const text = `taken as generation ${taken.generation}\n${differs}`
    process.stdout.write(`${json === true ? JSON.stringify(answered.value, null, 2) : text}\n`)
  } catch (error) {
    refused(error, json)
  }
}

const NOTHING = 'nothing differs from what served before: a changed file is taken by itself, within a second; credentials are not compared'

/** Programs get the complaints as JSON; the sentence goes to stderr in any case. */
function refused(error: unknown, json: boolean | undefined): never {
  if (json === true && error instanceof Failure && error.answer !== undefined) process.stdout.write(`${JSON.stringify(error.answer, null, 2)}\n`)
  throw error
}
