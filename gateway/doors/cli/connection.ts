/** `atlas connection`: credentials of connections, in the vault. A secret is typed unseen or piped, and is never an argument. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { Failure } from './context.ts'
import { type Common, print } from './printing.ts'
import { readSecret } from './prompt.ts'
import { table } from './table.ts'

interface Options extends Common {
  readonly force?: boolean
}

interface Row {
  readonly name: string
  readonly version: number
  readonly key_id: string
  readonly master_key_id: string
  readonly created_at: string
  readonly rotated_at: string | null
  readonly age_days: number
  readonly used_by: readonly string[]
  readonly taken_by?: readonly string[]
}

const BUSY_FOR_MS = 15_000
const TRY_EVERY_MS = 100

export function addConnectionCommands(program: Command, common: (command: Command) => Command): void {
  const connection = program.command('connection').description('credentials of connections, in the vault')
  const secretive = (verb: string, what: string): Command =>
    common(connection.command(`${verb} <name>`).description(what))
      // Taken as they come and refused in our own words, which do not repeat a secret.
      .argument('[refused...]', 'nothing: the credential is typed at a hidden prompt, or piped')
      .allowUnknownOption()
      .addHelpText('after', `\nThe configuration refers to it by api_key: vault:nansen (a wallet for payouts by payout.signer: vault:payout).`)
  secretive('add', 'put a credential into the vault').action((name: string, more: readonly string[], options: Options) => put('add', name, more, options))
  secretive('rotate', 'replace a credential; a running gateway takes it with its next call').action((name: string, more: readonly string[], options: Options) =>
    put('rotate', name, more, options),
  )
  common(connection.command('remove <name>').description('take a credential out of the vault'))
    .option('--force', 'although the configuration refers to it')
    .action(remove)
  common(connection.command('list [name]').description('names, versions, keys and ages; never a credential')).action(list)
}

async function put(verb: 'add' | 'rotate', name: string, more: readonly string[], options: Options): Promise<void> {
  if (more.length > 0)
    throw new Failure(
      `atlas connection ${verb} takes a name and nothing else: a credential among the arguments stands in the shell's history and in the list of processes; type it at the prompt, or pipe it. If that was a real one, replace it at its provider`,
      2,
    )
  const secret = await readSecret(`credential of ${name} (not shown): `)
  const answered = await patiently(() => ask(options.config, 'POST', `/api/connections/${verb}`, { name, secret })).finally(() => secret.fill(0))
  print(answered, options, () => putSentence(verb, answered.value as Row))
}

function putSentence(verb: 'add' | 'rotate', { name, version, used_by: users, taken_by: taken = [] }: Row): string {
  const done = `${name} is in the vault, version ${version}${verb === 'rotate' ? '; the one before is gone' : ''}`
  if (users.length === 0) return `${done}\nno connection uses it yet; write api_key: vault:${name} into the configuration`
  if (taken.length > 0) return `${done}\n${taken.join(', ')} use${taken.length === 1 ? 's' : ''} it from the next call on`
  return `${done}\n${users.join(', ')} use${users.length === 1 ? 's' : ''} it from the next start on`
}

async function remove(name: string, options: Options): Promise<void> {
  const answered = await patiently(() => ask(options.config, 'POST', '/api/connections/remove', { name, force: options.force === true }))
  const { used_by: users } = answered.value as Row
  const still =
    users.length === 0
      ? ''
      : `\n${users.join(', ')} still refer${users.length === 1 ? 's' : ''} to it: a running gateway goes on with it, and the next start is refused`
  print(answered, options, () => `${name} is out of the vault${still}`)
}

async function list(name: string | undefined, options: Options): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/connections', name === undefined ? {} : { name })
  const { connections } = answered.value as { connections: readonly Row[] }
  const columns = ['name', 'version', 'key', 'master key', 'created', 'rotated', 'age', 'used by'].map((title) => ({ title }))
  const rows = connections.map((row) => [
    ...[row.name, String(row.version), row.key_id, row.master_key_id, row.created_at.slice(0, 10), row.rotated_at?.slice(0, 10) ?? '-'],
    ...[`${row.age_days} d`, row.used_by.join(', ') || '-'],
  ])
  print(answered, options, () => (rows.length === 0 ? 'the vault is empty' : table(columns, rows)))
}

/** Another command may have the store, or a gateway that is starting, which answers in a moment. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + BUSY_FOR_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      const busy = error instanceof Error && error.name === 'FolderError' && error.message.includes('in use by another process')
      if (!busy || performance.now() > endMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS))
  }
}
