/** Credentials and their keys. A secret comes in the JSON body, or as bytes where the command line asks directly; it is cleared and never answered. */
import { OfficeError } from '../../office/index.ts'
import { masterKeyBytes } from '../../vault/index.ts'
import { type Action, type Ask, text } from './asks.ts'

export const vaultActions: Readonly<Record<string, Action>> = {
  'GET /api/connections': (office, ask) => office.vault.list(text(ask, 'name')),
  'POST /api/connections/add': (office, ask) => withSecret(ask, 'secret', (secret) => office.vault.add(nameIn(ask), secret)),
  'POST /api/connections/rotate': (office, ask) => withSecret(ask, 'secret', (secret) => office.vault.rotate(nameIn(ask), secret)),
  'POST /api/connections/remove': (office, ask) => office.vault.remove(nameIn(ask), { force: ask.force === true }),
  'POST /api/vault/rotate': (office, ask) => {
    const dataKeys = ask.data_keys === true
    if (ask.new_key === undefined) return office.vault.rekey({ dataKeys })
    return withSecret(ask, 'new_key', (characters) => office.vault.rekey({ dataKeys, newKey: keyFrom(characters) }))
  },
}

const nameIn = (ask: Ask): string => text(ask, 'name') ?? ''

function keyFrom(characters: Buffer): Buffer {
  try {
    return masterKeyBytes(characters, 'new_key')
  } catch (error) {
    throw new OfficeError((error as Error).message)
  }
}

async function withSecret<T>(ask: Ask, member: string, work: (secret: Buffer) => Promise<T>): Promise<T> {
  const value = ask[member]
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) throw new OfficeError(`${member} must be text`)
  const secret = Buffer.alloc(Buffer.byteLength(value))
  if (typeof value === 'string') secret.write(value)
  else value.copy(secret)
  try {
    return await work(secret)
  } finally {
    secret.fill(0)
  }
}
