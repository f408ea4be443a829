/** `atlas abuse`: who is suspected, for what and until when, and how he is let go; of the gateway that runs. */

import t from 'tap'
import { atlas, type Ran, startAtlas } from '../rig/atlas.ts'
import { BALANCE, sandbox, temporaryFolder, WALLET, writeConfig } from '../rig/gateway.ts'
import { Pipes } from '../rig/pipes.ts'

const AWAY = { 'x-forwarded-for': '198.51.100.7' }
const UNPAID = { method: 'POST', path: BALANCE, headers: AWAY, body: JSON.stringify(WALLET) }

t.test('abuse list shows who is blocked, for what and until when; unblock forgets him', async (t) => {
  const file = writeConfig(temporaryFolder(t), sandbox({ trusted_proxies: ['127.0.0.1'] }))
  const gateway = await startAtlas(t, file)
  const command = (...args: readonly string[]): Promise<Ran> => atlas(['abuse', ...args, '--config', file], { env: gateway.env })
  const pipes = await Pipes.open(t, gateway.publicUrl, 1)
  const ask = async (count: number): Promise<number[]> => (await pipes.ask(Array.from({ length: count }, () => UNPAID))).map(({ status }) => status)
  const nobody = await command('list')
  t.same([nobody.status, nobody.stdout], [0, 'nobody is suspected\n'])
  for (let batch = 0; batch < 31; batch += 1) await ask(100)
  t.same(await ask(1), [403])

  const [json, text] = await Promise.all([command('list', '--json'), command('list')])
  const suspect = { who: 'address:198.51.100.7', state: 'blocked', score: 1200, abuse: { 'unpaid-probing': 3000 }, blocks: 1, shadow: false }
  t.match(json.json, { total: 1, note: null, suspects: [{ ...suspect, refused: Number, since: /T.*Z$/, until: /T.*Z$/ }] })
  t.match(
    text.stdout,
    /^who +state +score +calls by kind +refused +until\naddress:198\.51\.100\.7 +blocked +1200 +unpaid-probing 3000 +\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/,
  )
  t.equal(text.stderr, `the gateway at ${gateway.adminUrl} answered\n`)
  t.match(gateway.stdout() + gateway.stderr(), /abuse: throttled.*abuse: blocked/s)

  const wrong = await command('unblock', 'somebody')
  t.same([wrong.status, wrong.stderr], [1, 'somebody is no address, key or wallet; expected for example 198.51.100.7, k_… or 0x…\n'])
  const other = await command('unblock', 'address:198.51.100.8')
  t.same([other.status, other.stderr], [1, 'nothing stands against address:198.51.100.8; atlas abuse list shows who is suspected\n'])
  const unblocked = await command('unblock', '198.51.100.7')
  t.same([unblocked.status, unblocked.stdout], [0, 'address:198.51.100.7 is forgotten; it was blocked with a score of 1200\n'])
  t.same(await ask(1), [402])
  await gateway.stop()

  const gone = await command('list')
  t.match(gone.stdout, /^no gateway runs; scores of abuse live in the running gateway only/)
  const none = await command('unblock', '198.51.100.7')
  t.equal(none.status, 1)
  t.match(none.stderr, /^no gateway runs; scores/)
})
