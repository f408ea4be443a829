/** Who may call by address: listed networks, and nobody that is denied; an address that cannot be read is on no list. */
import t from 'tap'
import { Stage } from '../../gateway/kit/index.ts'
import ipAllow from '../../plugins/ip-allow.ts'

const CASES: readonly [settings: object, address: string, taken: boolean][] = [
  [{}, '198.51.100.7', true],
  [{}, '2001:db8::1', true],
  [{ allow: ['198.51.100.0/24'] }, '198.51.100.7', true],
  [{ allow: ['198.51.100.0/24'] }, '198.51.101.7', false],
  [{ allow: ['198.51.100.7'] }, '198.51.100.7', true],
  [{ allow: ['198.51.100.7'] }, '198.51.100.8', false],
  [{ allow: ['198.51.100.7'] }, '::ffff:198.51.100.7', true],
  [{ allow: ['2001:db8::/32'] }, '2001:db8:1::5', true],
  [{ allow: ['2001:db8::/32'] }, '2001:db9::5', false],
  [{ allow: ['2001:db8::/32'] }, '198.51.100.7', false],
  [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.2.0.1', true],
  [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.1.0.1', false],
  [{ deny: ['::ffff:10.1.0.1'] }, '198.51.100.7', true],
  [{ allow: ['198.51.100.0/24'] }, '127.0.0.1', false],
  [{}, 'unknown', false],
]

t.test('a call from where none may come is 403 and takes nothing; every other one goes through', async (t) => {
  for (const [settings, address, taken] of CASES) {
    const stage = await Stage.open(ipAllow, { settings })
    const { status, body } = await stage.call({ address, headers: await stage.key('k') })
    t.equal(status, taken ? 200 : 403, `${JSON.stringify(settings)} ${address}`)
    if (!taken) t.equal(JSON.parse(body).code, 'blocked')
    t.equal(stage.sent.length, taken ? 1 : 0)
    t.equal(stage.hooks.turnAway?.({ address } as never)?.code, taken ? undefined : 'blocked', 'nor may credits be bought from there')
    await stage.close()
  }
})

t.test('what is no address is named when the chain is made', async (t) => {
  for (const wrong of ['localhost', '10.0.0.0/33', '10.0.0.0/8/8', '2001:db8::/129', '10.0.0.0/x', '300.1.1.1'])
    await t.rejects(Stage.open(ipAllow, { settings: { allow: [wrong] } }), {
      message: new RegExp(`^ip-allow: allow has ${wrong.replaceAll('.', '\\.')}, which is no address; expected`),
    })
})
