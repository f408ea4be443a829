/** What is compared: each case is a server in front of the same upstream, asked with the same request. */

import type { ChildProcess } from 'node:child_process'
import { startGateway } from './gateway-case.ts'
import { answer, start, stop } from './process.ts'

export interface Case {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** One Authorization header each; the connections take turns. */
  readonly keys: readonly string[]
  /** Is what the server wrote down what was answered? One line for the reader, or what is wrong. */
  check?(answered: number, head: string): Promise<{ ok: boolean; line: string }>
  stop(): Promise<void>
}

/** A case that cannot run says why. */
export type Started = Case | { readonly name: string; readonly skipped: string }

const NO_KEYS = ['bench']

async function peer(name: string, file: string, upstreamPort: number): Promise<Case> {
  const child = start(file, [String(upstreamPort)])
  const { port } = await answer<{ port: number }>(child)
  return { name, port, pid: child.pid as number, keys: NO_KEYS, stop: () => stop(child) }
}

export async function startUpstream(): Promise<{ child: ChildProcess; port: number }> {
  const child = start('./servers/upstream.js')
  return { child, ...(await answer<{ port: number }>(child)) }
}

/** In the order of the table. */
export const cases: Readonly<Record<string, (upstream: { child: ChildProcess; port: number }) => Promise<Started>>> = {
  direct: async ({ child, port }) => ({ name: 'direct', port, pid: child.pid as number, keys: NO_KEYS, stop: async () => undefined }),
  'fast-gateway': ({ port }) => peer('fast-gateway', './servers/fast-gateway.js', port),
  undici: ({ port }) => peer('undici', './servers/undici.js', port),
  gateway: ({ port }) => startGateway(port, { name: 'gateway' }),
  /** What durability costs: the same chain, with a disk that only says that it has synced. */
  unsynced: ({ port }) => startGateway(port, { name: 'unsynced', preload: './servers/unsynced.js' }),
}

export const PATH = '/nansen/profiler/address/current-balance'
const BODY = JSON.stringify({ address: '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045', chain: 'ethereum' })

export const requestOf = ({ port }: Case, key: string): string =>
  [
    `POST ${PATH} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${key}`,
    'Accept: application/json',
    'Content-Type: application/json',
    `Content-Length: ${BODY.length}`,
    '',
    BODY,
  ].join('\r\n')
