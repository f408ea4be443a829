/** An operation that is paused on one connection is served by another, and its units are its own again. */

import t from 'tap'
import { units } from '#contract'
import { LeakBook, Transport } from '../../gateway/engine/index.ts'
import { Credentials } from '../../gateway/vault/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { openInside, reached } from '../rig/inside.ts'
import { reply, startProvider } from '../rig/provider.ts'
import { memoryLog, ScriptedClock } from '../rig/scripted.ts'

const SECRET = 'the-credential-of-alice'

t.test('twenty leaks pause the operation there, and the pool serves on', async (t) => {
  const [leaking, clean] = [await startProvider(t), await startProvider(t)]
  leaking.always(reply(200, { key: SECRET }))
  const credentials = new Credentials()
  credentials.set(new Map(['a', 'b'].map((name) => [name, name === 'a' ? SECRET : 'the-credential-of-bob'])))
  const [clock, audited, told] = [new ScriptedClock(), [] as string[], [] as string[]]
  const leaks = new LeakBook({
    ...{ clock, log: memoryLog([]) },
    audit: { write: async ({ action, subject, owner }) => void audited.push(`${action} ${subject} ${owner}`) },
    notices: { tell: ({ kind, owner }) => void told.push(`${kind} ${owner}`) },
  })
  const transport = new Transport({
    place: ({ name, credential }, request, base) => credentials.place(name, credential, request, base),
    allowPrivate: true,
    leaks,
  })
  t.teardown(() => transport.close())
  const pool = [connectionOf('a', { owner: 'alice', quota: units(2000), baseUrl: leaking.url }), connectionOf('b', { owner: 'bob', baseUrl: clean.url })]
  const inside = await openInside(t, { adapter: adapterOf([operationOf('search')]), apis: new Map([['acme', pool]]), transport })
  const headers = await inside.key('k')
  const call = async (): Promise<string | undefined> => {
    const flown = inside.fly('/acme/search', { headers })
    await reached('the call is over', () => flown.flight.state === 'over')
    return inside.outcomes
      .get(flown.id)?.[0]
      ?.attempts.map(({ connection, meaning, used }) => `${connection} ${meaning} ${used}`)
      .join(', ')
  }
  for (let count = 0; count < 20; count += 1) t.equal(await call(), 'a leaked wasted')
  t.equal(await call(), 'a paused returned, b ok sold')
  t.equal(leaking.seen.length, 20)
  t.strictSame([...new Set(audited)], ['credential.leak a alice', 'connection.pause a alice'])
  t.strictSame([...new Set(told)], ['credential-leaked alice', 'operation-paused alice'])
  t.equal(inside.quality.health('a').health, 'unknown', 'nobody can make a provider look bad by it')
  clock.pass(600_001)
  t.equal(await call(), 'a leaked wasted', 'ten minutes later it is asked again')
})
