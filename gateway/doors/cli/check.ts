/** `atlas check`: what is wrong or unwise in the configuration; with --online what is wrong outside. */
import { formatComplaint } from '../../../config/complaints.ts'
import type { GatewayConfig } from '../../../config/model.ts'
import { Failure, load, openVault } from './context.ts'
import type { Common } from './printing.ts'

interface Options extends Common {
  readonly online?: boolean
}

export async function check({ config, json, online }: Options): Promise<void> {
  const loaded = await load(config, openVault)
  const { problems, warnings } = loaded
  const outside = online === true && loaded.config !== undefined ? await askOutside(loaded.config) : []
  if (json === true) process.stdout.write(`${JSON.stringify({ problems, warnings, ...(online === true ? { online: outside } : {}) }, null, 2)}\n`)
  else {
    for (const problem of problems) process.stderr.write(`${formatComplaint(problem)}\n`)
    for (const warning of warnings) process.stdout.write(`warning: ${formatComplaint(warning)}\n`)
    if (problems.length === 0)
      process.stdout.write(
        `${config ?? 'gateway.config.yml'} is good${warnings.length === 0 ? '' : `, with ${warnings.length} warning${warnings.length === 1 ? '' : 's'}`}\n`,
      )
  }
  if (json !== true) for (const problem of outside) process.stderr.write(`${problem}\n`)
  if (problems.length + outside.length > 0) throw new Failure('')
}

async function askOutside({ routes }: Pick<GatewayConfig, 'routes'>): Promise<readonly string[]> {
  const [{ checkOnline }, { outboundTo }] = await Promise.all([import('../../payments/index.ts'), import('../../engine/upstream/index.ts')])
  return checkOnline(
    routes.map(({ chain }) => chain),
    outboundTo,
  )
}
