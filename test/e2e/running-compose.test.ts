/** compose.yml: it keeps to the rules of the specification, and two gateways with exactly its environment and configuration, on a real Redis and PostgreSQL, are one. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { atlas, ROOT, type Started, startAtlas } from '../rig/atlas.ts'
import { type Compose, composeFaults, environmentOf, readCompose, type Service } from '../rig/compose.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { BALANCE, bearer, until, WALLET } from '../rig/gateway.ts'
import { openPostgres } from '../rig/postgres.ts'
import { type RedisSettings, STRICT, startRedis } from '../rig/redis.ts'

const compose = readCompose()
const gateways = Object.entries(compose.services).filter(([name]) => name.startsWith('atlas-'))
const shared = join(ROOT, 'deploy/shared.config.yml')

t.test('the file keeps to the specification, and each rule finds what breaks it', async (t) => {
  t.strictSame(composeFaults(compose), [])
  const broken = (change: (file: { services: Record<string, Record<string, unknown>> }) => void): string[] => {
    const file = structuredClone(compose) as unknown as Parameters<typeof change>[0]
    change(file)
    return composeFaults(file as unknown as Compose)
  }
  const breaks: readonly [(one: Record<string, unknown>) => void, RegExp][] = [
    [(one) => Object.assign(one, { grace: '30s' }), /atlas-1: grace is no member/],
    [(one) => Object.assign(one, { networks: ['inside'] }), /there is no network inside/],
    [(one) => Object.assign(one, { volumes: ['elsewhere:/x'] }), /there is no volume elsewhere/],
    [(one) => Object.assign(one, { ports: ['8082:1'] }), /port 8082 is that of/],
    [(one) => Object.assign(one, { depends_on: { 'atlas-2': { condition: 'service_healthy' } } }), /atlas-2 never says/],
    [(one) => Object.assign(one, { stop_grace_period: '30' }), /30 is no duration/],
    [(one) => Object.assign(one, { healthcheck: { test: ['CMD-SHELL', 'pg_isready -U $USER'] } }), /not doubled/],
  ]
  for (const [change, says] of breaks) t.match(broken(({ services }) => change(services['atlas-1'] ?? {})).join('\n'), says)
  // Where the compose command is installed, its own opinion counts as well.
  const docker = spawnSync('docker', ['compose', 'version'], { encoding: 'utf8' })
  if (docker.status === 0) t.equal(spawnSync('docker', ['compose', 'config', '--quiet', '--no-env-resolution'], { cwd: ROOT }).status, 0)
})

t.test('a gateway in it has no rights, no writable code and time to stop; what it keeps is behind it', async (t) => {
  t.equal(gateways.length, 2)
  for (const [name, service] of gateways) {
    t.match(service, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], stop_grace_period: '30s' }, name)
    const admin = service.ports?.filter((port) => port.endsWith(':8081')) ?? []
    t.ok(admin.length === 1 && admin[0]?.startsWith('127.0.0.1:'), `${name}: the operator's port is this machine's alone`)
  }
  for (const name of ['redis', 'postgres']) {
    const { networks = [], ports } = compose.services[name] as Service
    t.ok(ports === undefined && networks.every((network) => compose.networks[network]?.internal === true), name)
  }
  t.notMatch(readFileSync(join(ROOT, 'compose.yml'), 'utf8'), /(KEY|TOKEN|PASSWORD)\s*[:=]\s*\S/, 'no secret stands in the file')
  t.match(readFileSync(join(ROOT, '.gitignore'), 'utf8'), /^deploy\/\*\.env$/m)
})

/** As the command line of the service says it. */
function redisSettings({ command = [] }: Service): RedisSettings {
  const value = (name: string): string | undefined => command[command.indexOf(`--${name}`) + 1]
  if (value('appendonly') !== 'yes') throw new Error('Redis keeps nothing')
  return { appendfsync: value('appendfsync') as 'always', maxmemoryPolicy: value('maxmemory-policy') as 'noeviction' }
}

t.test('both gateways as compose starts them are one: a key made at one pays at the other, and one book has it', async (t) => {
  const settings = redisSettings(compose.services.redis as Service)
  t.same(settings, STRICT, 'what a strict gateway demands')
  const [redis, postgres] = [await startRedis(t, settings), await openPostgres(t)]
  const database = environmentOf(compose.services.postgres as Service)
  await postgres.sql(`create role ${database.POSTGRES_USER} login password '${database.POSTGRES_PASSWORD}'`)
  await postgres.sql(`create database ${database.POSTGRES_DB} owner ${database.POSTGRES_USER}`)
  const envs = gateways.map(([, service]) => {
    const env = environmentOf(service)
    t.same([env.ATLAS_REDIS_URL, env.ATLAS_POSTGRES_HOST, env.POSTGRES_PASSWORD], ['redis://redis:6379', 'postgres:5432', database.POSTGRES_PASSWORD])
    const here = { ATLAS_REDIS_URL: redis.url, ATLAS_POSTGRES_HOST: new URL(postgres.url).host, ATLAS_DATA: temporaryFolder(t) }
    return { ...env, ...here }
  })
  const [first, second] = (await Promise.all(envs.map((env) => startAtlas(t, shared, { env })))) as [Started, Started]
  const token = (envs[0] as { ATLAS_ADMIN_TOKEN?: string }).ATLAS_ADMIN_TOKEN ?? ''
  const run = async (at: Started, ...args: string[]): Promise<Record<string, unknown>> => {
    const ran = await atlas([...args, '--json', '--config', shared], { env: { ...envs[gateways.length - 1], ...at.env } })
    t.equal(ran.status, 0, `${args.join(' ')}: ${ran.stderr}`)
    return ran.json
  }
  t.equal((await fetch(`${first.adminUrl}/api/about`)).status, 401, 'beyond loopback the token is asked for')
  t.equal((await fetch(`${first.adminUrl}/api/about`, { headers: bearer(token) })).status, 200)
  const { key } = (await run(first, 'key', 'create', '--credits', '$5')) as { key: string }
  const call = {
    method: 'POST',
    headers: { ...bearer(key), 'content-type': 'application/json', 'idempotency-key': 'the one call of this test' },
    body: JSON.stringify(WALLET),
  }
  let status = 0
  // A machine that starves refuses, and charges nothing; under its name it is one call all the same.
  await until(
    'the call is taken',
    async () => {
      status = (await fetch(second.publicUrl + BALANCE, call)).status
      return status !== 503
    },
    30_000,
  )
  t.equal(status, 200)
  const credits = await fetch(`${first.publicUrl}/credits`, { headers: bearer(key) })
  t.match(await credits.json(), { balance: '4.85' })
  for (const one of [first, second]) t.match(await run(one, 'report'), { total: { calls_sold: 1, revenue: '0.15', owner_share: '0.135' } })
  t.equal((await postgres.sql('select 1 as one')).length, 1)
  for (const one of [first, second]) t.equal(await one.stop(), 0)
})
