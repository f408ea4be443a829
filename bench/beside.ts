/** Redis and PostgreSQL for one case each, real ones on free ports and on this machine's disk, as durable as a strict gateway demands. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPostgres } from '../test/rig/postgres.ts'
import { answers } from '../test/rig/redis.ts'
import { freePort, hasEnded, listenTo, startCommand, stop, temporaryFolder } from './process.ts'

/** A server that works for a case; or why there is none. */
export type Beside = { readonly url: string; readonly pid: number; stop(): Promise<void> } | { readonly skipped: string }

const READY_MS = 10_000

export async function startRedisBeside(): Promise<Beside> {
  if (spawnSync('redis-server', ['--version']).error !== undefined) return { skipped: 'there is no redis-server; apt-get install redis-server' }
  const [folder, port] = [temporaryFolder(), await freePort()]
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  const durable = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
  const child = startCommand('redis-server', [...where, ...durable])
  const said = listenTo(child)
  const untilMs = performance.now() + READY_MS
  while (!hasEnded(child) && performance.now() < untilMs) {
    if (await answers(port)) return { url: `redis://127.0.0.1:${port}`, pid: child.pid as number, stop: () => stop(child) }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await stop(child)
  return { skipped: `redis-server did not start; it said: ${said()}` }
}

export async function openPostgresBeside(): Promise<Beside> {
  const work: (() => unknown)[] = []
  const stopAll = async (): Promise<void> => {
    for (const one of work.splice(0)) await one()
  }
  try {
    const server = await openPostgres({ teardown: (one) => work.unshift(one) }, {}, { onDisk: true })
    const [row] = await server.sql<{ data_directory: string }>('show data_directory')
    const pid = Number(readFileSync(join(row?.data_directory ?? '', 'postmaster.pid'), 'utf8').split('\n')[0])
    return { url: server.url, pid, stop: stopAll }
  } catch (error) {
    await stopAll()
    return { skipped: `PostgreSQL did not start: ${error instanceof Error ? error.message : error}` }
  }
}
