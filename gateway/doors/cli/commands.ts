/** What every command takes; and `check`. */
import type { Command } from 'commander'
import { check } from './check.ts'

export const withCommon = (command: Command): Command => command.option('--config <file>', 'the configuration').option('--json', 'machine-readable output')

export function addCheckCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('check').description('check the configuration: every problem and warning with its place'))
    .option('--online', 'ask facilitators and nodes, too')
    .action(check)
}
