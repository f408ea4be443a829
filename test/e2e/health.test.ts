/** One subscription of a pool dies under load and comes back: consumers hardly notice, and owners see how it stands. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { type Answer, BALANCE, bearer, OPEN_RATE, openGateway, type Rig, type Teardown, until, WALLET } from '../rig/gateway.ts'
import { reply, startProvider, UPSTREAM } from '../rig/provider.ts'

/** A provider that can be killed, with every connection, and started again at its port. */
class Mortal {
  seen = 0
  port = 0
  #server: Server | undefined

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        this.seen += 1
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
  }

  async kill(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await new Promise<unknown>((resolve) => {
      if (server === undefined) return resolve(undefined)
      server.close(resolve)
      server.closeAllConnections()
    })
  }
}

const connection = (name: string, url: string, quota: number): object => ({
  ...{ name, adapter: 'nansen', owner: name, base_cost: '$0.04', monthly_quota: quota, reserved: 0, api_key: `secret-${name}`, subscription_cost: '$1' },
  base_url: url,
})

async function openPool(t: Teardown, urls: readonly string[]): Promise<{ rig: Rig; ask: () => Promise<Answer> }> {
  const rig = await openGateway(t, {
    ...{ listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, upstream: UPSTREAM },
    api_connections: urls.map((url, at) => connection(['nansen', 'nansen-2'][at] as string, url, 20_000 - at * 5000)),
    plugins: ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', 'quota-reserve'],
  })
  const { key } = await rig.key({ credits: '$5000' })
  return { rig, ask: () => rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET }) }
}

const statusRow = async ({ office }: Rig, name: string): Promise<Record<string, unknown>> =>
  (await office.marketplace.status()).connections.find((row) => row.name === name) ?? {}

t.test('killed under load and started again: nearly every call is served, and a second after the start it serves again', async (t) => {
  const mortal = new Mortal()
  await mortal.start()
  t.teardown(() => mortal.kill())
  const other = await startProvider(t)
  const { rig, ask } = await openPool(t, [`http://127.0.0.1:${mortal.port}`, other.url])
  const ends = new Map<string, number>()
  let isOver = false
  const consumer = async (): Promise<void> => {
    while (!isOver) {
      const answer = await ask()
      const end = answer.status === 200 ? 'served' : String(answer.json.code)
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  const crowd = Array.from({ length: 10 }, consumer)
  await until('the first one serves', () => mortal.seen > 300)
  await mortal.kill()
  const served = other.seen.length
  await until('the other one serves', () => other.seen.length > served + 500, 20_000)
  t.match(await statusRow(rig, 'nansen'), { health: 'open', paused_because: null })
  const before = mortal.seen
  await mortal.start()
  await until('it serves again', () => mortal.seen > before + 100, 20_000)
  isOver = true
  await Promise.all(crowd)
  const all = [...ends.values()].reduce((sum, count) => sum + count, 0)
  const good = ends.get('served') ?? 0
  t.comment(`${good} of ${all} served; ${JSON.stringify([...ends])}`)
  // What was on its way when it was killed may be billed, and goes to nobody else.
  const lost = all - good - (ends.get('unavailable') ?? 0)
  t.ok(lost <= 25, `${lost} of ${all} are lost; where the disk of a busy machine is slow, that is another matter`)
  t.match(await statusRow(rig, 'nansen'), { health: 'ok' })
  const { balance } = (await rig.office.credits(`key:${(await rig.office.keys.list()).keys[0]?.id}`)) as { balance: string }
  t.equal(Math.round((5000 - Number(balance)) * 100), good * 12, 'paid is what was served')
})

t.test('a refused credential is shown with its reason, and the calls that it would have served go elsewhere', async (t) => {
  const [first, second] = [await startProvider(t), await startProvider(t)]
  first.always(reply(401, { message: 'Invalid API key' }))
  const { rig, ask } = await openPool(t, [first.url, second.url])
  for (let call = 0; call < 10; call += 1) t.equal((await ask()).status, 200)
  t.equal(first.seen.length, 3)
  t.match(await statusRow(rig, 'nansen'), { health: 'paused', paused_because: /refused its credential 3 times in a row/, paused_until: null })
  t.match(
    rig.logged.filter(({ fields }) => 'kind' in fields).map(({ fields }) => fields),
    [{ kind: 'credential-refused' }, { kind: 'connection-paused', owner: 'nansen' }],
  )
  first.always(reply(200, { ok: true }))
  rig.gateway.health.resume('nansen')
  t.equal((await ask()).status, 200)
  t.equal(first.seen.length, 4)
})

t.test('a provider that says to wait is waited for, and the catalogue goes on showing what is sold', async (t) => {
  const provider = await startProvider(t)
  provider.next(reply(429, { error: 'Too many requests' }, ['Retry-After', '1']))
  const { rig, ask } = await openPool(t, [provider.url])
  t.match(await ask(), { status: 502, headers: { 'retry-after': /^[12]$/ } })
  const startedAt = performance.now()
  t.equal((await ask()).status, 200, 'the next one waits for its turn')
  t.ok(performance.now() - startedAt > 500)
  t.equal(provider.seen.length, 2)
  t.match(await statusRow(rig, 'nansen'), { health: 'paced', pace: { plain: { per_second: /./ } } })
  t.match((await rig.call('GET', '/catalog')).json, { apis: [{ name: 'nansen' }] })
})
