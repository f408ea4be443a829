/** The atlas command: exit status 0 done, 1 failed, 2 misused. */
import { Command, CommanderError } from 'commander'
import { addAbuseCommands } from './abuse.ts'
import { addAuditCommands } from './audit.ts'
import { collectWhileStarting } from './collecting.ts'
import { addCheckCommand, withCommon } from './commands.ts'
import { addConnectionCommands } from './connection.ts'
import { Failure, sentenceOf } from './context.ts'
import { addEconomicsCommands } from './economics.ts'
import { addContributorCommands } from './contribute.ts'
import { addEstimateCommand } from './estimate.ts'
import { addDoctorCommand } from './doctor.ts'
import { addHelp } from './helping.ts'
import { addInitCommand } from './init.ts'
import { addKeyCommands } from './keys.ts'
import { addLedgerCommands } from './ledger.ts'
import { addLogsCommand } from './logs.ts'
import { addMarketplaceCommands } from './marketplace.ts'
import { addPayoutCommands } from './payout.ts'
import { addReceiptCommands } from './receipt.ts'
import { addReloadCommands } from './reload.ts'
import { addReportCommand } from './report.ts'
import { addVaultCommands } from './vault.ts'
import { addX402Commands } from './x402.ts'

/** Makes what was dropped into plugins/ and adapters/ since the start ready to be loaded. @throws Error with one sentence */
export type Refresh = () => Promise<unknown>

/** All commands. */
export function programOf({ refresh }: { readonly refresh?: Refresh | undefined } = {}): Command {
  const program = new Command('atlas').description('Sells the unused part of API subscriptions, call by call')
  program
    .command('start')
    .description('run the gateway')
    .option('--config <file>', 'the configuration')
    .option('--json', 'one line of JSON when it serves')
    // Loaded by this command alone: the others need no server.
    .action(async (options: { config?: string; json?: boolean }) => {
      collectWhileStarting()
      await (await import('./start.ts')).start(options, refresh)
    })
  addInitCommand(program, withCommon)
  addCheckCommand(program, withCommon)
  addReloadCommands(program, withCommon)
  addDoctorCommand(program, withCommon)
  addReportCommand(program, withCommon)
  addKeyCommands(program, withCommon)
  addMarketplaceCommands(program, withCommon)
  addEstimateCommand(program, withCommon)
  addEconomicsCommands(program, withCommon)
  addLedgerCommands(program, withCommon)
  addAuditCommands(program, withCommon)
  addReceiptCommands(program, withCommon)
  addPayoutCommands(program, withCommon)
  addX402Commands(program, withCommon)
  addConnectionCommands(program, withCommon)
  addVaultCommands(program, withCommon)
  addAbuseCommands(program, withCommon)
  addContributorCommands(program, withCommon)
  addLogsCommand(program, withCommon)
  addHelp(program)
  return program
}

export async function runCli(argv: readonly string[], more: { readonly refresh?: Refresh | undefined } = {}): Promise<void> {
  try {
    await programOf(more).parseAsync(argv as string[])
  } catch (error) {
    process.exitCode = statusOf(error)
  }
}

function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const sentence = sentenceOf(error)
  if (sentence === undefined) {
    process.stderr.write(`atlas: ${error instanceof Error ? error.stack : error}\n`)
    return 1
  }
  if (sentence !== '') process.stderr.write(`${sentence}\n`)
  return error instanceof Failure ? error.exitStatus : 1
}
