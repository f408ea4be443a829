/** A gateway as a process whose file is changed while it runs. */

import { renameSync, writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import { atlas, type Started, startAtlas } from './atlas.ts'
import { BALANCE, bearer, OPEN_RATE, sandbox, temporaryFolder, until, WALLET, writeConfig } from './gateway.ts'

interface Connection {
  readonly name: string
  readonly [setting: string]: unknown
}

export const NANSEN: Connection = { name: 'nansen', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed' }

export const configOf = (connection: object = {}, more: object = {}): object =>
  sandbox({
    api_connections: [{ ...NANSEN, ...connection }],
    plugins: ['auth', 'abuse-detect', OPEN_RATE, { 'markup-billing': { platform_share: '10%' } }, X402, 'quota-reserve'],
    ...more,
  })

export const JSON_BODY = { 'content-type': 'application/json' }
export const DEARER = 'the call costs $0.20'
const X402 = { 'x402-payment': { network: 'base-sepolia', facilitator: 'sandbox', pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }

export interface ReloadWorld {
  readonly file: string
  readonly started: Started
  /** What a call is charged. */
  price(): Promise<string | null>
  /** What an unpaid call is told, as often as somebody wants to know. */
  quote(): Promise<unknown>
  atlas(...args: string[]): ReturnType<typeof atlas>
}

export async function openReloaded(t: Test, config: object = configOf(), folder = temporaryFolder(t)): Promise<ReloadWorld> {
  const file = writeConfig(folder, config)
  const started = await startAtlas(t, file)
  await until('the play key is shown', () => /atlas_\w+/.test(started.stdout()))
  const [key = ''] = /atlas_\w+/.exec(started.stdout()) ?? []
  return {
    ...{ file, started },
    price: async () => {
      const headers = { ...bearer(key), 'content-type': 'application/json' }
      let price: string | null = null
      // A machine that stands still for 200 ms makes a good call 503, which charges nothing.
      await until('a call is no 503', async () => {
        const answer = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers, body: JSON.stringify(WALLET) })
        await answer.arrayBuffer()
        price = answer.headers.get('x-atlas-price')
        return answer.status !== 503
      })
      return price
    },
    quote: async () => {
      const answer = await fetch(started.publicUrl + BALANCE, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(WALLET) })
      return ((await answer.json()) as { detail?: string }).detail
    },
    atlas: (...args) => atlas([...args, '--config', file], { env: { ...started.env, PORT: '0' } }),
  }
}

/** As most editors do it: another file in the place of the old one. */
export function replace(file: string, config: object | string): void {
  writeFileSync(`${file}.new`, typeof config === 'string' ? config : JSON.stringify(config, null, 2))
  renameSync(`${file}.new`, file)
}
