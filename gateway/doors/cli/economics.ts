/** The commands on what is to come. What they reckon with is loaded by them alone: the other commands need none of it. */
import type { Command } from 'commander'

export function addEconomicsCommands(program: Command, common: (command: Command) => Command): void {
  common(program.command('forecast [name]').description('when the quota runs out, and what will stay unsold')).action(async (name, options) => {
    await (await import('./forecast.ts')).forecast(name, options)
  })
  program
    .command('simulate')
    .description('play recorded calls against a changed file: money, refusals and quota, before and after')
    .requiredOption('--config <new>', 'the changed file')
    .option('--against <file>', 'the file that the calls were made under; default: ./gateway.config.yml')
    .option('--since <when>', 'for example 24h, 30d or 2026-11-01', '24h')
    .option('--json', 'machine-readable output')
    .action(async (options) => {
      await (await import('./simulate.ts')).simulated(options)
    })
}
