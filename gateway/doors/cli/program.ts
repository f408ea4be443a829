/** The atlas command: exit status 0 done, 1 failed, 2 misused. */
import { Command, CommanderError } from 'commander'
import { addAbuseCommands } from './abuse.ts'
import { addAuditCommands } from './audit.ts'
import { collectWhileStarting } from './collecting.ts'
import { addCommands, withCommon } from './commands.ts'
import { addConnectionCommands } from './connection.ts'
import { Failure, sentenceOf } from './context.ts'
import { addContributorCommands } from './contribute.ts'
import { addEstimateCommand } from './estimate.ts'
import { addKeyCommands } from './keys.ts'
import { addLedgerCommands } from './ledger.ts'
import { addMarketplaceCommands } from './marketplace.ts'
import { addPayoutCommands } from './payout.ts'
import { addReceiptCommands } from './receipt.ts'
import { addVaultCommands } from './vault.ts'
import { addX402Commands } from './x402.ts'

export async function runCli(argv: readonly string[]): Promise<void> {
  const program = new Command('atlas').description('Sells the unused part of API subscriptions, call by call').exitOverride().showHelpAfterError(false)
  program
    .command('start')
    .description('run the gateway')
    .option('--config <file>', 'the configuration')
    // Loaded by this command alone: the others need no server.
    .action(async (options: { config?: string }) => {
      collectWhileStarting()
      await (await import('./start.ts')).start(options)
    })
  addCommands(program)
  addKeyCommands(program, withCommon)
  addMarketplaceCommands(program, withCommon)
  addEstimateCommand(program, withCommon)
  addLedgerCommands(program, withCommon)
  addAuditCommands(program, withCommon)
  addReceiptCommands(program, withCommon)
  addPayoutCommands(program, withCommon)
  addX402Commands(program, withCommon)
  addConnectionCommands(program, withCommon)
  addVaultCommands(program, withCommon)
  addAbuseCommands(program, withCommon)
  addContributorCommands(program, withCommon)
  inherit(program)
  try {
    await program.parseAsync(argv as string[])
  } catch (error) {
    process.exitCode = statusOf(error)
  }
}

/** A subcommand's mistake ends like the program's. */
function inherit(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride()
    inherit(child)
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
