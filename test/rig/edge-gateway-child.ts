/** A whole gateway in a process of its own, whose memory can be asked for: arguments are the provider's URL and the limits; each line of stdin is answered by one. */

import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openGateway, OPEN_RATE, sandbox } from './gateway.ts'
import { customConnection, UPSTREAM } from './provider.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const [providerUrl = '', limits = '{}'] = process.argv.slice(2)
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

const endings: (() => unknown)[] = []
const operations = [
  { id: 'search', method: 'GET', path: '/search', resale: 'allowed' },
  { id: 'feed', method: 'GET', path: '/feed', resale: 'allowed', streaming: true },
]
const plugins = ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve']
const connection = customConnection(providerUrl, { operations, monthly_quota: 10_000_000 })
const rig = await openGateway(
  { teardown: (work) => endings.push(work) },
  sandbox({ upstream: { ...UPSTREAM, timeout: '30s' }, limits: JSON.parse(limits), plugins, api_connections: [connection] }),
)
say({ url: rig.publicUrl, key: (await rig.key({ credits: '$10000' })).key })

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'memory') break
  for (let turn = 0; turn < 3; turn += 1) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, rss, external } = process.memoryUsage()
  say({ heapUsed, rss, external })
}
for (const work of endings.reverse()) await work()
process.exit()
