/**
 * What `--help` says beside the options: an example of every command; colour on a terminal alone; and that a misspelt command or
 * option is answered with the one that was probably meant. Exit status 0 done, 1 failed, 2 misused.
 */
import { type Command, Help } from 'commander'
import { colourful } from './table.ts'

/** By the words of the command. A command that tells its own example under "Example:" needs none here. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  start: ['atlas start --config gateway.config.yml'],
  check: ['atlas check', 'atlas check --online --json'],
  diff: ['atlas diff', 'atlas diff --config changed.yml', 'atlas diff --config changed.yml --against gateway.config.yml --json'],
  reload: ['atlas reload', 'atlas reload --json'],
  init: ['atlas init', 'atlas init --yes --config my.config.yml'],
  doctor: ['atlas doctor', 'atlas doctor --json --config gateway.config.yml'],
  report: ['atlas report --month 2026-11', 'atlas report --owner alice --format hledger'],
  estimate: ["atlas estimate --quota 10000 --used 3000 --sold 5000 --base '$0.05' --markup 3x --subscription '$500'"],
  forecast: ['atlas forecast', 'atlas forecast nansen --json'],
  simulate: ['atlas simulate --config changed.yml --since 24h', 'atlas simulate --config changed.yml --since 2026-11-01 --json'],
  'adapter new': ['atlas adapter new acme', 'atlas adapter new acme --openapi acme.json'],
  'adapter test': ['atlas adapter test my-adapters/acme.mjs'],
  'plugin new': ['atlas plugin new daily-cap'],
  'plugin test': ['atlas plugin test my-plugins/daily-cap.mjs'],
  logs: ['atlas logs', 'atlas logs --follow --level warn'],
  'marketplace api enable': ['atlas marketplace api enable nansen'],
  'marketplace api disable': ['atlas marketplace api disable nansen'],
  'marketplace api status': ['atlas marketplace api status', 'atlas marketplace api status --json'],
  'connection add': ['atlas connection add nansen', 'my-secrets get nansen | atlas connection add nansen'],
  'connection rotate': ['atlas connection rotate nansen'],
  'connection remove': ['atlas connection remove nansen'],
  'connection list': ['atlas connection list'],
  'vault rotate': ['atlas vault rotate', 'atlas vault rotate --data-keys'],
  'key create': ["atlas key create --credits '$5' --cap '$1/day' --expires 30d", 'atlas key create --owner alice'],
  'key list': ['atlas key list'],
  'key revoke': ['atlas key revoke k_0123456789abcdef01'],
  'key rotate': ['atlas key rotate k_0123456789abcdef01'],
  'ledger verify': ['atlas ledger verify'],
  'ledger export': ['atlas ledger export --format hledger > atlas.journal'],
  'ledger correct': ["atlas ledger correct rc_m1x2 --reason 'charged by mistake'"],
  'receipt verify': ['atlas receipt verify receipt.json --url https://atlas.example'],
  'payout plan': ['atlas payout plan'],
  'payout run': ['atlas payout run'],
  'x402 status': ['atlas x402 status'],
  'audit verify': ['atlas audit verify'],
  'audit tail': ['atlas audit tail --owner alice --limit 20'],
  'abuse list': ['atlas abuse list'],
  'abuse unblock': ['atlas abuse unblock wallet:0x90f79bf6eb2c4f870365e785982e1f101e93b906'],
}

const EXITS = 'Exit status: 0 done, 1 failed, 2 misused.'

/** All commands below this one, by their words. */
export function commandsOf(command: Command, words: readonly string[] = []): readonly { readonly words: string; readonly command: Command }[] {
  return command.commands.flatMap((child) => {
    const path = [...words, child.name()]
    return child.commands.length > 0 ? commandsOf(child, path) : [{ words: path.join(' '), command: child }]
  })
}

/** Once, when all commands are there. */
export function addHelp(program: Command): void {
  program.addHelpText('after', `\nHelp on a command: atlas COMMAND --help\n${EXITS}`)
  for (const { words, command } of commandsOf(program)) {
    const lines = EXAMPLES[words]
    if (lines !== undefined) command.addHelpText('after', `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  ${line}`).join('\n')}`)
    command.addHelpText('after', `\n${EXITS}`)
  }
  dress(program)
}

/** A subcommand's mistake ends like the program's, and its help looks like the program's. */
function dress(command: Command): void {
  command.exitOverride().showSuggestionAfterError(true)
  command.createHelp = () => Object.assign(new Help(), { styleTitle: titled })
  command.configureOutput({ outputError: (text, write) => write(misused(text)) })
  for (const child of command.commands) dress(child)
}

const titled = (title: string): string => (colourful() ? `\u001b[1m${title}\u001b[22m` : title)

/** One sentence a line, in the words of the other complaints. */
function misused(text: string): string {
  const said = text.replace(/^error: /, '').trimEnd()
  const [first = '', ...rest] = said.split('\n')
  const meant = rest.map((line) =>
    line.replace(
      /^\(Did you mean (one of )?(.*)\?\)$/,
      (_all, one: string | undefined, names: string) => `${one === undefined ? 'nearest' : 'near are'}: ${names}`,
    ),
  )
  return `${[first, ...meant].join('; ')}\n`
}
