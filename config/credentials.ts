/** `api_key` and `credential`: where the credential comes from, and where the provider expects it. It leaves this file only in the map of secrets, and is never printed. */

import type { Connection, CredentialPlace } from '#contract'
import { canCarryCredential } from './adapter-check/index.ts'
import type { Complaints } from './complaints.ts'
import { isWritten } from './decode.ts'
import { type Draft, placeOf, type Surroundings } from './draft.ts'
import { entryIn } from './vault.ts'
import { childOf, type Node } from './yaml.ts'

/** The credential itself, and where it comes from the vault, under which name and since when. */
export interface Credential {
  /** Undefined where the vault was not opened. */
  readonly secret: string | Buffer | undefined
  readonly from?: Pick<Connection, 'vaultEntry' | 'credentialAddedAtMs'>
}

/** Undefined where none is written or it was complained about. */
export function readCredential(draft: Draft, around: Surroundings & { readonly simulated: boolean }): Credential | undefined {
  const { values, node, name, adapter } = draft
  const { complaints, simulated, mode } = around
  const written = childOf(node, 'api_key')
  const needed = (values.credential?.in ?? adapter?.credential.in ?? 'none') !== 'none'
  if (!isWritten(written)) {
    const means = `expected api_key: \${${variableOf(name)}}`
    if (needed && mode === 'live') complaints.missing(written ?? node, `connection ${name} has no api_key, which live mode needs; ${means}`)
    else if (needed && !simulated) complaints.warn(node, `connection ${name} is really called, since it has a base_url, but without api_key; ${means}`)
    return undefined
  }
  const text = values.api_key
  if (text === undefined || written.kind !== 'scalar') return undefined
  const entry = entryIn(text)
  if (entry !== undefined) return fromVault(entry, draft, around)
  if (!written.fromOutside)
    complaints.warn(written, `api_key of ${name} stands in the file for all who can read it; expected \${${variableOf(name)}} or vault:${name}`)
  if (fitsHeader(text)) return { secret: text }
  complaints.error(written, `api_key of ${name} begins or ends with a space, or holds a character that no header takes; expected the credential alone`)
  return undefined
}

/** Printable, and nothing at its ends that a header would lose: the line break of a file is the usual one. */
export const fitsHeader = (text: string): boolean => /^[\x21-\x7e\xa1-\xff]([\x20-\x7e\xa1-\xff]*[\x21-\x7e\xa1-\xff])?$/.test(text)

const variableOf = (name: string): string => `${name.replace(/[^A-Za-z0-9]/g, '_').toUpperCase()}_API_KEY`

function fromVault(name: string, draft: Draft, { complaints, vaulted }: Surroundings): Credential | undefined {
  const answer = vaulted(name)
  switch (answer.kind) {
    case 'found':
      return { secret: answer.secret, from: { vaultEntry: name, credentialAddedAtMs: answer.addedAtMs } }
    case 'unread':
      return { secret: undefined, from: { vaultEntry: name } }
    case 'missing':
      return complaints.error(placeOf(draft, 'api_key'), `vault:${name} cannot be resolved: ${answer.why}`)
  }
}

/** The place of the credential where the file moves it; a header and a query member need a name. */
export function credentialOf({ values, node }: Pick<Draft, 'values' | 'node'>, complaints: Complaints): CredentialPlace | undefined {
  const { in: place, name } = values.credential ?? {}
  if (place === undefined) return undefined
  const written = childOf(node, 'credential') as Node
  if (place === 'header' || place === 'query') {
    if (name !== undefined && place === 'header' && !canCarryCredential(name)) {
      complaints.error(
        childOf(written, 'name') ?? written,
        `the header ${name} is written by the gateway itself; expected one of the provider's own, such as X-Key`,
      )
      return undefined
    }
    if (name !== undefined) return { in: place, name }
    complaints.missing(written, `missing setting name of credential; expected the name of the ${place === 'header' ? 'header' : 'query member'}`)
    return undefined
  }
  if (name !== undefined)
    complaints.error(childOf(written, 'name') ?? written, `name of credential means nothing with in: ${place}; expected it with header or query`)
  return { in: place }
}
