/** `atlas ledger`: prove the books, take them out, set an entry right. */
import type { Command } from 'commander'
import { ask, askText } from './asking.ts'
import { Failure } from './context.ts'
import { type Common, print } from './printing.ts'

interface Check {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
}

const FORMATS = ['csv', 'json', 'hledger']

export function addLedgerCommands(program: Command, common: (command: Command) => Command): void {
  const ledger = program.command('ledger').description('the double-entry books')
  common(ledger.command('verify').description('prove the books: entries, balances, the hash chain, the store, the units')).action(verify)
  common(ledger.command('export').description('every entry, oldest first, on standard output'))
    .option('--format <format>', FORMATS.join(', '), 'csv')
    .action(exportAll)
  common(ledger.command('correct <entry>').description('set an entry right by one that reverses it'))
    .requiredOption('--reason <text>', 'why; it stands in the books')
    .action(correct)
}

async function verify(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/ledger/verify')
  const { ok, checks } = answered.value as { ok: boolean; checks: readonly Check[] }
  print(answered, options, () => checks.map(({ check, ok, detail }) => `${ok ? 'ok    ' : 'FAILED'}  ${check}: ${detail}`).join('\n'))
  if (!ok) throw new Failure(options.json === true ? '' : 'the books do not prove; nothing was changed')
}

async function exportAll(options: Common & { format: string }): Promise<void> {
  const format = options.json === true ? 'json' : options.format
  if (!FORMATS.includes(format)) throw new Failure(`--format ${format} is no format; expected one of ${FORMATS.join(', ')}`, 2)
  await askText(options.config, '/api/ledger/export', { format }, (text) => void process.stdout.write(text))
}

async function correct(entry: string, options: Common & { reason: string }): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/ledger/correct', { entry, reason: options.reason })
  print(answered, options, () => `${entry} is reversed by ${(answered.value as { id: string }).id}`)
}
