/** What a gateway asks providers of its own accord waits as the configuration of now says, not as that of the start did. */
import t from 'tap'
import { units } from '#contract'
import { Watching } from '../../gateway/engine/watching.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { openInside } from '../rig/inside.ts'

t.test('a probe of a provider that says nothing ends when the reloaded timeout says', { timeout: 10_000 }, async (t) => {
  const connection = connectionOf('acme', { quota: units(1000), reserved: units(300) })
  const adapter = adapterOf([operationOf('search', { example: { query: { q: 'a' } } })])
  const { store, admin, clock, log, provider, generation, ports } = await openInside(t, { adapter, apis: new Map([['acme', [connection]]]) })
  const served = { connections: [connection], adapters: new Map([['acme', adapter]]), bufferBytes: 64 }
  const watching = new Watching({
    ...{ store, admin, clock, log, chance: ports.chance, notices: { tell: () => undefined }, transport: provider, generation: () => generation },
    ...{ ...served, upstreamTimeoutMs: 60_000, alarm: undefined },
  })
  t.teardown(() => watching.close())
  watching.configure({ ...served, upstreamTimeoutMs: 40 })
  t.match(await watching.vetting.vet('acme'), { probe: { state: 'made', meaning: 'timeout' } })
})
