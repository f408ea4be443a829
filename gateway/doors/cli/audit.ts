/** `atlas audit`: who did what, and the proof that nothing of it was taken away or changed. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { Failure } from './context.ts'
import { type Common, print } from './printing.ts'
import { table } from './table.ts'

interface Line {
  readonly at: string
  readonly action: string
  readonly actor: string
  readonly owner: string | null
  readonly subject: string
  readonly detail: string
  readonly group: number
  readonly line: number
}

export function addAuditCommands(program: Command, common: (command: Command) => Command): void {
  const audit = program.command('audit').description('who did what: starts, switches, keys, credentials, payouts')
  common(audit.command('tail').description('the last lines, oldest first'))
    .option('--owner <name>', "what concerns one owner's connections and keys")
    .option('--limit <lines>', 'how many', '50')
    .action(tail)
  common(audit.command('verify').description('read everything again: a line that was removed, altered or moved is named')).action(verify)
}

/** Digests and transactions are told apart by their beginning. */
const short = (subject: string): string => (/^(0x)?[0-9a-f]{40,}$/i.test(subject) ? `${subject.slice(0, 12)}…` : subject)

async function tail(options: Common & { owner?: string; limit: string }): Promise<void> {
  const { owner, limit } = options
  if (!/^[1-9]\d{0,8}$/.test(limit)) throw new Failure(`--limit ${limit} is no number of lines; expected a whole number above 0`, 2)
  const answered = await ask(options.config, 'GET', '/api/audit', { limit, ...(owner === undefined ? {} : { owner }) })
  const { entries } = answered.value as { entries: readonly Line[] }
  const columns = ['when (UTC)', 'what', 'by', 'owner', 'of', 'detail', 'place'].map((title) => ({ title }))
  const rows = entries.map(({ at, action, actor, owner: whose, subject, detail, group, line }) => [
    ...[at.slice(0, 19).replace('T', ' '), action, actor, whose ?? '-', short(subject), detail, `${group}.${line}`],
  ])
  print(answered, options, () => (rows.length === 0 ? 'the audit log has no such line' : table(columns, rows)))
}

async function verify(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/audit/verify')
  const { ok, detail } = answered.value as { ok: boolean; detail: string }
  print(answered, options, () => (ok ? `the audit log is whole: ${detail}` : `FAILED  ${detail}`))
  if (!ok) throw new Failure(options.json === true ? '' : 'the audit log is not what was written; nothing was changed')
}
