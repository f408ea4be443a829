/** A shop whose one credential is `vault:acme`, and the commands of its operator. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { atlas, type Ran } from './atlas.ts'
import { OPEN_RATE, sandbox, type Teardown, writeConfig } from './gateway.ts'
import { memoryFolder } from './folder.ts'
import { freePort } from './port.ts'
import { customConnection, type Provider, startProvider, UPSTREAM } from './provider.ts'

export const FIRST = 'first-5ecret-of-acme'
export const SECOND = 'second-5ecret-of-acme'

export const selling = (url: string, more: object = {}): object =>
  sandbox({
    upstream: UPSTREAM,
    api_connections: [customConnection(url, { api_key: 'vault:acme', monthly_quota: 1_000_000 })],
    plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'],
    ...more,
  })

export interface VaultShop {
  readonly provider: Provider
  readonly folder: string
  readonly file: string
  /** `connection VERB acme` with this piped in. */
  put(verb: 'add' | 'rotate', secret: string, env?: Readonly<Record<string, string>>): Promise<Ran>
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>
  readonly said: string[]
}

/** A configuration that refers to a credential which is not there yet. */
export async function openVaultShop(t: Teardown, more: object = {}): Promise<VaultShop> {
  const provider = await startProvider(t)
  // In memory: a disk that is busy with other tests fails calls, and here none may fail.
  const folder = memoryFolder(t)
  const nowhere = String(await freePort())
  const file = writeConfig(folder, selling(provider.url, more))
  const said: string[] = []
  const noted = (ran: Ran): Ran => {
    said.push(ran.stdout, ran.stderr)
    return ran
  }
  const environment = (env: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({ PORT: '0', ADMIN_PORT: nowhere, ...env })
  return {
    ...{ provider, folder, file, said },
    put: async (verb, secret, env) => noted(await atlas(['connection', verb, 'acme', '--config', file], { env: environment(env), input: `${secret}\n` })),
    run: async (args, env) => noted(await atlas([...args, '--config', file], { env: environment(env) })),
  }
}

/** Every file below the folder, and what was said: in no form is a secret in it. */
export function holds(folder: string, said: readonly string[], secrets: readonly string[]): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const texts = [
    ...files.map((entry) => [entry.name, readFileSync(join(entry.parentPath ?? entry.path, entry.name))] as const),
    ['what was said', Buffer.from(said.join('\n'))] as const,
  ]
  const forms = secrets.flatMap((secret) => [
    secret,
    Buffer.from(secret).toString('base64').slice(0, 20),
    Buffer.from(secret).toString('hex'),
    encodeURIComponent(secret),
  ])
  return texts.flatMap(([name, bytes]) => forms.flatMap((form) => (bytes.includes(form) ? [`${name}: ${form}`] : [])))
}
