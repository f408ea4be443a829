/** Which pages of other origins may read answers: those listed, what they may send, and for how long a browser may remember it. */
import t from 'tap'
import { Stage } from '../../gateway/kit/index.ts'
import cors from '../../plugins/cors.ts'

/** The fields that an answer gets, by name; undefined where the plugin says nothing. */
async function fieldsFor(settings: object, origin: string, preflight: boolean): Promise<Record<string, string>> {
  const stage = await Stage.open(cors, { settings })
  const fields = stage.hooks.cors?.({ origin, preflight } as never) ?? []
  await stage.close()
  return Object.fromEntries(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? '']] : [])))
}

t.test('without a list every page may read answers, and asks again after ten minutes or what is set', async (t) => {
  const read = await fieldsFor({}, 'https://any.example', false)
  t.match(read, { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': /PAYMENT-RESPONSE.*X-Atlas-Receipt/ })
  t.notOk('Vary' in read || 'Access-Control-Max-Age' in read)
  const asked = await fieldsFor({}, 'https://any.example', true)
  t.match(asked, { 'Access-Control-Allow-Headers': /PAYMENT-SIGNATURE/, 'Access-Control-Allow-Methods': /POST/, 'Access-Control-Max-Age': '600' })
  t.match(await fieldsFor({ max_age: '2h' }, 'https://any.example', true), { 'Access-Control-Max-Age': '7200' })
})

t.test('with a list only the pages on it may, and caches are told that it depends on the origin', async (t) => {
  const settings = { origins: ['https://app.example', 'http://localhost:3000'] }
  t.match(await fieldsFor(settings, 'http://localhost:3000', false), { 'Access-Control-Allow-Origin': 'http://localhost:3000', Vary: 'Origin' })
  for (const origin of ['https://other.example', 'https://app.example:444', 'null']) {
    for (const preflight of [false, true]) t.strictSame(await fieldsFor(settings, origin, preflight), { Vary: 'Origin' }, origin)
  }
})

t.test('what is no origin is named when the chain is made', async (t) => {
  for (const wrong of ['app.example', 'https://app.example/', 'https://app.example/path', 'https://APP.example']) {
    await t.rejects(Stage.open(cors, { settings: { origins: [wrong] } }), { message: /^cors: .* is no origin; expected one such as https:/ }, wrong)
  }
})
