/** `atlas vault rotate`: another master key for the vault, while the gateway runs or not. */
import type { Command } from 'commander'
import { hexOfBytes } from '#contract'
import { keyBytesInFile, masterKeyBytes } from '../../vault/index.ts'
import { ask } from './asking.ts'
import { patiently } from './connection.ts'
import { Failure } from './context.ts'
import { type Common, print } from './printing.ts'
import { readSecret } from './prompt.ts'

interface Options extends Common {
  readonly dataKeys?: boolean
  readonly newKeyFile?: string
}

const VARIABLE = 'ATLAS_NEW_MASTER_KEY'

export function addVaultCommands(program: Command, common: (command: Command) => Command): void {
  const vault = program.command('vault').description('the vault that credentials are in')
  common(vault.command('rotate').description('put the vault under another master key; no call is interrupted'))
    .option('--data-keys', 'encrypt each credential anew, with a new data key')
    .option('--new-key-file <file>', 'the new master key, 64 hex digits in a file of mode 0600; - for standard input')
    .addHelpText(
      'after',
      `
Where the master key is in a file, a new one is made and takes its place; where it is ATLAS_MASTER_KEY or printed by vault.key_command,
the new one comes from ${VARIABLE} or --new-key-file, and has to be put there before the next start.
Whenever this is ended, the vault opens with the old key or with the new one.`,
    )
    .action(rotate)
}

async function rotate(options: Options): Promise<void> {
  const newKey = await newKeyFrom(options)
  const body = { data_keys: options.dataKeys === true, ...(newKey === undefined ? {} : { new_key: newKey }) }
  const answered = await patiently(() => ask(options.config, 'POST', '/api/vault/rotate', body)).finally(() => newKey?.fill(0))
  const { from, to, credentials, to_be_set_in: place } = answered.value as { from: string; to: string; credentials: number; to_be_set_in: string | null }
  const next = place === null ? '' : `\nput the new key where ${place} is, before the next start; the old one opens nothing any more`
  print(answered, options, () => `master key ${from} is replaced by ${to}, for ${credentials} credential${credentials === 1 ? '' : 's'}${next}`)
}

/** As hex digits; undefined where a new one is to be made. */
async function newKeyFrom({ newKeyFile }: Options): Promise<Buffer | undefined> {
  const given = process.env[VARIABLE]
  if (given !== undefined && newKeyFile !== undefined) throw new Failure(`${VARIABLE} and --new-key-file both give the new master key; expected one of them`, 2)
  if (given !== undefined) return digits(masterKeyBytes(Buffer.from(given), `${VARIABLE} of the environment`))
  if (newKeyFile === undefined) return undefined
  if (newKeyFile === '-') return digits(masterKeyBytes(await readSecret('new master key (not shown): '), 'standard input'))
  const bytes = await keyBytesInFile(newKeyFile)
  if (bytes === undefined) throw new Failure(`there is no file ${newKeyFile}; expected the new master key in it`)
  return digits(bytes)
}

function digits(bytes: Buffer): Buffer {
  const characters = hexOfBytes(bytes)
  bytes.fill(0)
  return characters
}
