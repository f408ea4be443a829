/** How a key is shown in a request, and when one is good: one reading for the chain and for the doors. */
import type { KeyRecord } from './ports.ts'

/** `Authorization: Bearer atlas_…` or `X-API-Key: atlas_…`. Undefined: none was shown; an empty string: something that is no key of ours. */
export function shownKey(header: (name: string) => string | undefined): string | undefined {
  const authorization = header('authorization')
  const apiKey = header('x-api-key')
  if (authorization === undefined) return apiKey
  const key = /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
  return apiKey === undefined || apiKey === key ? key : ''
}

/** Undefined when the key is good. */
export function whyKeyIsBad(key: KeyRecord | undefined, nowMs: number): string | undefined {
  if (key === undefined) return 'the key is unknown'
  if (key.revokedAtMs !== undefined) return 'the key was revoked'
  return key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs ? 'the key has expired' : undefined
}
