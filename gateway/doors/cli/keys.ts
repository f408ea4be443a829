/** The commands on keys of consumers and owners. */
import type { Command } from 'commander'
import { parseUsd } from '#contract'
import { ask } from './asking.ts'
import { cell, type Common, money, print, type Row } from './printing.ts'
import { Failure } from './context.ts'
import { durationMs } from './durations.ts'
import { table } from './table.ts'

export function addKeyCommands(program: Command, common: (command: Command) => Command): void {
  const key = program.command('key').description('keys of consumers and owners')
  const all = (text: string, before: readonly string[]): readonly string[] => [...before, text]
  common(key.command('create').description('make a key; it is shown once'))
    .option('--credits <amount>', 'prepaid credits, for example $5')
    .option('--cap <amount>', 'most that it may spend in a UTC day or month, for example $5/day; twice for both', all, [])
    .option('--expires <duration>', 'for example 30d')
    .option('--owner <name>', "an owner's key: free, on his own connections")
    .action(createKey)
  common(key.command('list').description('all keys, without the keys themselves')).action(listKeys)
  common(key.command('revoke <id>').description('end a key, everywhere within a second')).action(revokeKey)
  common(key.command('rotate <id>').description('a new key for the same balance; the old one ends')).action(rotateKey)
}

function expiresInMs(text: string): number {
  const ms = durationMs(text)
  if (ms === undefined) throw new Failure(`--expires ${text} is no duration; expected for example 30d`, 2)
  return ms
}

const isAmount = (text: string): boolean => (parseUsd(text) ?? -1n) >= 0n

/** By the member of the request that they become. */
function capsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const caps: Record<string, string> = {}
  for (const text of texts) {
    const [, amount = '', per = ''] = /^(.+)\/(day|month)$/.exec(text) ?? []
    if (!isAmount(amount)) throw new Failure(`--cap ${text} is no cap; expected for example $5/day or $50/month`, 2)
    if (caps[`cap_per_${per}`] !== undefined) throw new Failure(`--cap is given twice for a ${per}; expected one for each of day and month`, 2)
    caps[`cap_per_${per}`] = amount
  }
  return caps
}

async function createKey(options: Common & { credits?: string; cap: readonly string[]; expires?: string; owner?: string }): Promise<void> {
  const caps = capsOf(options.cap)
  if (options.credits !== undefined && !isAmount(options.credits)) throw new Failure(`--credits ${options.credits} is no amount; expected for example $5`, 2)
  if (options.owner !== undefined && options.credits !== undefined) throw new Failure("--credits does not go with --owner: an owner's key is free", 2)
  const answered = await ask(options.config, 'POST', '/api/keys', {
    ...(options.credits === undefined ? {} : { credits: options.credits }),
    ...caps,
    ...(options.expires === undefined ? {} : { expires_in_ms: expiresInMs(options.expires) }),
    ...(options.owner === undefined ? {} : { owner: options.owner }),
  })
  const { id, key, credits } = answered.value as { id: string; key: string; credits: string }
  print(answered, options, () => `${key}\n\nThis is the only time that the key is shown. Id ${id}, credits $${credits}.`)
}

async function listKeys(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/keys')
  const { keys } = answered.value as { keys: readonly Row[] }
  const columns = [
    { title: 'id' },
    { title: 'for' },
    { title: 'state' },
    { title: 'balance', align: 'right' as const },
    { title: 'cap a day', align: 'right' as const },
    { title: 'a month', align: 'right' as const },
    { title: 'expires' },
  ]
  print(answered, options, () =>
    table(
      columns,
      keys.map((row) => [
        cell(row.id),
        row.role === 'owner' ? `owner ${cell(row.owner)}` : 'consumer',
        cell(row.state),
        money(row.balance),
        money(row.cap_per_day),
        money(row.cap_per_month),
        cell(row.expires_at),
      ]),
    ),
  )
}

async function revokeKey(id: string, options: Common): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/keys/revoke', { id })
  print(answered, options, () => `${id} is revoked`)
}

async function rotateKey(id: string, options: Common): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/keys/rotate', { id })
  const made = answered.value as { id: string; key: string; credits: string }
  print(answered, options, () => `${made.key}\n\nThis is the only time that the key is shown. Id ${made.id}, credits $${made.credits}; ${id} is revoked.`)
}
