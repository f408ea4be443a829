/** Uses of credentials are counted without I/O and written as a line a connection and minute; what a gateway says of its own life. */
import t from 'tap'
import type { AuditEntry } from '#contract'
import { AuditLog } from '../../gateway/ground/audit.ts'
import { noted, openAuditGround } from '../rig/audit.ts'
import { bearer, BALANCE, openGateway, sandbox, until, WALLET } from '../rig/gateway.ts'
import { memoryLog, ScriptedClock } from '../rig/scripted.ts'

const MINUTE_MS = 60_000

/** A log whose store may refuse. */
function counting(clock = new ScriptedClock()) {
  const written: AuditEntry[][] = []
  let refusal: Error | undefined
  const desk = {
    write: async (entries: readonly AuditEntry[]) => {
      if (refusal !== undefined) throw refusal
      written.push([...entries])
    },
    written: async () => undefined,
  }
  const trail = { tail: async () => [], prove: async () => ({ problems: [], lines: 0, detail: '' }) }
  const log = new AuditLog({ desk, trail, clock, log: memoryLog([]) })
  const refuse = (error?: Error): void => {
    refusal = error
  }
  return { log, clock, written, refuse }
}

t.test('uses are counted by connection, owner and minute; a clean stop writes the minute that runs, too', async (t) => {
  const { log, clock, written } = counting()
  for (let call = 0; call < 42; call += 1) log.used('nansen', 'alice')
  log.used('kaito', 'bob')
  clock.pass(MINUTE_MS)
  log.used('nansen', 'alice')
  log.used('nansen', 'carol')
  clock.pass(3 * MINUTE_MS)
  log.used('nansen', 'carol')
  t.strictSame(written, [], 'no I/O where calls are made')
  await log.close()
  t.strictSame(
    written.flat().map(({ action, actor, owner, subject, detail }) => [action, actor, owner, subject, detail].join(' | ')),
    [
      'credential.use | gateway | alice | nansen | 42 calls in the minute of 2026-11-23T12:00Z',
      'credential.use | gateway | bob | kaito | 1 call in the minute of 2026-11-23T12:00Z',
      'credential.use | gateway | alice | nansen | 1 call in the minute of 2026-11-23T12:01Z',
      'credential.use | gateway | carol | nansen | 1 call in the minute of 2026-11-23T12:01Z',
      'credential.use | gateway | carol | nansen | 1 call in the minute of 2026-11-23T12:04Z',
    ],
  )
  await log.close()
  t.equal(written.flat().length, 5, 'a second stop writes nothing')
})

t.test('a minute that is over is written by itself', async (t) => {
  // Half a second before the minute ends, whatever the clock of the machine says.
  const clock = new ScriptedClock(Date.UTC(2026, 10, 23, 12, 0, 59, 900))
  const { log, written } = counting(clock)
  log.used('nansen', 'alice')
  clock.pass(100)
  await until('the minute is written', () => written.length > 0)
  t.match(written, [[{ subject: 'nansen', detail: '1 call in the minute of 2026-11-23T12:00Z' }]])
  await log.close()
})

t.test('what could not be written is written later, in order', async (t) => {
  const clock = new ScriptedClock(Date.UTC(2026, 10, 23, 12, 0, 59, 950))
  const { log, written, refuse } = counting(clock)
  refuse(new Error('the disk is full'))
  log.used('nansen', 'alice')
  clock.pass(50)
  log.used('nansen', 'alice')
  clock.pass(MINUTE_MS)
  log.used('nansen', 'alice')
  refuse()
  await log.close()
  t.strictSame(
    written.flat().map(({ detail }) => detail.slice(-17)),
    ['2026-11-23T12:00Z', '2026-11-23T12:01Z', '2026-11-23T12:02Z'],
  )
})

t.test('a gateway writes its start and its stop, its configuration with what it was before, and each use of a credential', async (t) => {
  const first = await openGateway(t, sandbox())
  const { key } = await first.key({ credits: '$5' })
  for (let call = 0; call < 3; call += 1) t.equal((await first.call('POST', BALANCE, { headers: bearer(key), body: WALLET })).status, 200)
  await first.close(1000)
  const second = await openGateway(t, sandbox({ replay: undefined }), first)
  await second.close(1000)
  const changed = { limits: { concurrent_per_consumer: 7 } }
  const third = await openGateway(t, sandbox(changed), first)
  const { config } = third.gateway.ground
  await third.close(1000)
  const ground = await openAuditGround(t, changed, first)
  const lines = await ground.audit.entries({ limit: 100 })
  const told = lines.filter(({ action }) => action !== 'key.create').map(({ action, actor, subject, detail }) => `${action} ${actor} ${subject}: ${detail}`)
  const digest = '[0-9a-f]{64}'
  t.match(told, [
    /^gateway\.start gateway atlas: sandbox mode, version \d+\.\d+\.\d+, process \d+$/,
    new RegExp(`^config\\.load gateway ${digest}: the first that is known$`),
    /^gateway\.stop gateway atlas: after \d+ s$/,
    /^credential\.use gateway nansen: \d calls? in the minute of \S+Z$/,
    ...told.slice(4, told.length - 7).map(() => /^credential\.use/),
    ...[/^gateway\.start/, new RegExp(`^config\\.load gateway ${digest}: the same as before$`), /^gateway\.stop/],
    ...[/^gateway\.start/, new RegExp(`^config\\.load gateway ${config.digest}: changed; before it was ${digest}$`), /^gateway\.stop/],
  ])
  const uses = lines.flatMap(({ action, detail }) => (action === 'credential.use' ? [Number.parseInt(detail, 10)] : []))
  t.equal(
    uses.reduce((sum, one) => sum + one, 0),
    3,
    'in one minute or two',
  )
  t.match(await ground.audit.verify(), { ok: true })
  await ground.audit.write(noted(1))
})
