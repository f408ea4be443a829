/** `atlas doctor`: looks at the machine and the configuration, and says of everything that is not well what to do. */
import type { Command } from 'commander'
import { formatComplaint } from '../../../config/complaints.ts'
import { type Checked, checkConfigured, checkMachine } from './doctor-checks.ts'
import { DEFAULT_FILE, Failure, load, openVault } from './context.ts'
import type { Common } from './printing.ts'
import { colourful } from './table.ts'

export function addDoctorCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('doctor').description('check the machine and the configuration, and say what to do')).action(doctor)
}

async function doctor({ config: file, json }: Common): Promise<void> {
  const loaded = await load(file, openVault)
  const { config, problems, warnings } = loaded
  const name = file ?? DEFAULT_FILE
  const checks: Checked[] = [...checkMachine(config)]
  for (const problem of problems)
    checks.push({ check: 'configuration', result: 'failed', detail: formatComplaint(problem), fix: `correct it; atlas check --config ${name} shows all` })
  for (const warning of warnings)
    checks.push({ check: 'configuration', result: 'warning', detail: formatComplaint(warning), fix: 'change it, or leave it if it is meant so' })
  if (config !== undefined) {
    if (warnings.length === 0) checks.push({ check: 'configuration', result: 'ok', detail: `${name} is good`, fix: null })
    checks.push(...(await checkConfigured(config)))
  }
  const failed = checks.filter(({ result }) => result === 'failed').length
  process.stdout.write(`${json === true ? JSON.stringify({ ok: failed === 0, checks }, null, 2) : checks.map(shown).join('\n')}\n`)
  if (failed > 0) throw new Failure(json === true ? '' : `${failed} ${failed === 1 ? 'check has' : 'checks have'} failed`)
}

const COLOURS = { ok: 32, warning: 33, failed: 31 }

function shown({ check, result, detail, fix }: Checked): string {
  const word = result.padEnd(7)
  const said = `${colourful() ? `\u001b[${COLOURS[result]}m${word}\u001b[39m` : word}  ${check}: ${detail}`
  return fix === null ? said : `${said}\n         do: ${fix}`
}
