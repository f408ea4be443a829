/** A receipt attests what was charged, to anybody who has its id, and tells nobody who was charged. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isRefusal, sha256 } from '#contract'
import { Receipts } from '../../gateway/office/receipts.ts'
import { readJwks, readJws } from '../../gateway/vault/jws.ts'
import { type Answer, BALANCE, bearer, WALLET } from '../rig/gateway.ts'
import { jsonOf, type Members, openReceipts as open } from '../rig/receipts.ts'

t.test('a receipt says what was charged, for which request and answer, and names no consumer and no connection', async (t) => {
  const rig = await open(t)
  const { id, body, key } = await rig.sold()
  const { receipt, jws } = jsonOf(await rig.page(`/receipts/${id}`)) as { receipt: Members; jws: string }
  t.strictSame(Object.keys(receipt), [
    ...['receipt', 'at', 'api', 'operation', 'request_digest', 'answer_digest', 'units', 'price', 'split'],
    ...['connection', 'config', 'generation', 'paid_by', 'chain', 'iss', 'iat'],
  ])
  t.match(receipt, {
    receipt: id,
    api: 'nansen',
    units: 1,
    price: '0.15',
    split: { owner_share: '0.135', platform_share: '0.015' },
    paid_by: 'credits',
    generation: 1,
  })
  t.equal(receipt.request_digest, sha256(`POST ${BALANCE}\n${JSON.stringify(WALLET)}`))
  t.equal(receipt.answer_digest, sha256(body))
  t.equal(receipt.config, sha256(readFileSync(rig.file)))
  t.equal(receipt.iss, rig.publicUrl)
  t.match(receipt.connection, /^[0-9a-f]{16}$/)
  t.match(receipt.chain, { sequence: Number, hash: /^[0-9a-f]{64}$/, line: Number })
  const said = JSON.stringify(receipt) + Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()
  const [account] = (await rig.office.keys.list()).keys.slice(-1)
  for (const name of [key, String(account?.id), 'operator']) t.notOk(said.includes(name), name)
})

t.test('the pseudonym of a connection is the same in every receipt', async (t) => {
  const rig = await open(t)
  const [one, other] = [await rig.sold(), await rig.sold()]
  const names = await Promise.all([one, other].map(async ({ id }) => (jsonOf(await rig.page(`/receipts/${id}`)).receipt as Members).connection))
  t.equal(names[0], names[1])
  t.not(names[0], sha256('nansen').slice(0, 16), 'and no digest of its name')
})

t.test('an owner’s own call has a receipt that costs nothing', async (t) => {
  const rig = await open(t)
  const { key } = await rig.key({ owner: 'operator' })
  const answer = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  t.equal(answer.headers['x-atlas-receipt'], undefined, 'which nobody is told of')
})

t.test('who asks for application/jose gets the signature alone', async (t) => {
  const rig = await open(t)
  const { id } = await rig.sold()
  const bare = await rig.page(`/receipts/${id}`, { accept: 'application/jose' })
  t.match(bare, { type: 'application/jose', body: /^[\w-]+\.[\w-]+\.[\w-]{86}$/ })
  for (const accept of ['*/*', 'application/json', 'text/html, application/json', 'application/jose;q=0', 'application/josexx'])
    t.match(await rig.page(`/receipts/${id}`, { accept }), { type: 'application/json' }, accept)
})

t.test('what is no receipt is 404, and an id that cannot be one is not even looked up', async (t) => {
  const looked: string[] = []
  const rig = await open(t, {
    charged: async (id) => {
      looked.push(id)
      return undefined
    },
  })
  const bad = [
    '',
    'rc_',
    'rc_short',
    `rc_${'a'.repeat(65)}`,
    `RC_${'a'.repeat(30)}`,
    `rc_${'a'.repeat(30)}%2e`,
    '../calls.jsonl',
    `rc_${'a'.repeat(30)}/x`,
    `rc_${'A'.repeat(30)}`,
  ]
  for (const id of bad) t.match(await rig.page(`/receipts/${id}`), { code: 'unknown_route' }, id)
  t.strictSame(looked, [])
  const id = `rc_${'a'.repeat(40)}`
  t.match(await rig.page(`/receipts/${id}`), { code: 'unknown_route' })
  t.match(await rig.page(`/receipts/${id}/report`, { method: 'POST', contentType: 'application/json', body: '{"reason":"x"}' }), { code: 'unknown_route' })
  t.strictSame(looked, [id, id])
  t.match(await rig.page(`/receipts/${id}`, { method: 'POST' }), { code: 'method_not_allowed', headers: { allow: 'GET' } })
  t.match(await rig.page(`/receipts/${id}/report`), { code: 'method_not_allowed', headers: { allow: 'POST' } })
  t.match(await rig.page('/.well-known/jwks.json', { method: 'DELETE' }), { code: 'method_not_allowed', headers: { allow: 'GET' } })
  for (const path of ['/receipts/x', '/.well-known/jwks.json']) t.ok(Receipts.serves(path))
  for (const path of ['/receipts', '/receiptsx', '/.well-known/x402', '/']) t.notOk(Receipts.serves(path), path)
})

t.test('look-ups beyond what can be done at once wait, and beyond that are refused, without getting stuck', async (t) => {
  let running = 0
  let most = 0
  const waiting: (() => void)[] = []
  const rig = await open(t, {
    charged: async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise<void>((resolve) => waiting.push(resolve))
      running -= 1
      return undefined
    },
  })
  const answers = Array.from({ length: 100 }, () => rig.page(`/receipts/rc_${'a'.repeat(40)}`))
  const seen = Promise.all(answers)
  let over = false
  void seen.then(() => {
    over = true
  })
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve))
    for (const next of waiting.splice(0)) next()
  }
  const codes = (await seen).map((answer) => (isRefusal(answer) ? answer.code : 'served'))
  t.equal(most, 8)
  t.equal(codes.filter((code) => code === 'rate_limited').length, 100 - 8 - 64)
  t.match(await Promise.race([rig.page('/.well-known/jwks.json')]), { type: 'application/json' })
})

t.test('a bad answer is reported once, durably, and nobody else’s words are shown as they are', async (t) => {
  const rig = await open(t)
  const { id } = await rig.sold()
  const report = (body: string, contentType = 'application/json') => rig.page(`/receipts/${id}/report`, { method: 'POST', contentType, body })
  const wrong = [
    '',
    '{}',
    '[]',
    'null',
    '"x"',
    '{"reason":1}',
    '{"reason":""}',
    '{"reason":"  "}',
    '{"reason":"a\\nb"}',
    '{"reason":"\\u202e"}',
    '{"reason":"x","more":1}',
    `{"reason":"${'x'.repeat(501)}"}`,
  ]
  for (const body of wrong) t.match(await report(body), { code: 'bad_request' }, body)
  t.match(await report('{"reason":"x"}', 'text/plain'), { code: 'bad_request' })
  t.strictSame(await rig.receipts.reported(), { reports: [] })
  const first = jsonOf(await report('{"reason":"the balance is of another wallet – größer"}'))
  t.match(first, { receipt: id, already: false })
  t.strictSame(jsonOf(await report('{"reason":"again"}')), { ...first, already: true })
  const { reports } = await rig.receipts.reported()
  t.match(reports, [{ receipt: id, owner: 'operator', connection: 'nansen', reason: 'the balance is of another wallet – größer' }])
  t.equal(rig.logged.filter(({ message }) => message === 'a consumer reports a bad answer').length, 1)
})

t.test('reports survive a restart and a line that was cut off', async (t) => {
  const rig = await open(t)
  const { id } = await rig.sold()
  const ask = { method: 'POST', path: `/receipts/${id}/report`, accept: undefined, contentType: 'application/json', body: Buffer.from('{"reason":"x"}') }
  const all = await Promise.all([1, 2, 3].map(() => rig.receipts.answer(ask)))
  t.strictSame(
    all.map((answer) => jsonOf(answer).already),
    [false, true, true],
  )
  const reportsFile = join(rig.folder, 'data', 'reports.jsonl')
  const whole = readFileSync(reportsFile, 'utf8')
  writeFileSync(reportsFile, `${whole}{"receipt":"rc_cut`)
  const { ground } = rig.gateway
  const later = new Receipts({ books: ground.books, signer: rig.keys, clock: ground.clock, log: ground.log, origin: () => '', reportsFile })
  t.match(jsonOf(await later.answer(ask)), { already: true })
  const other = await rig.sold()
  t.match(jsonOf(await later.answer({ ...ask, path: `/receipts/${other.id}/report` })), { already: false })
  t.equal(readFileSync(reportsFile, 'utf8').split('\n').length, 3)
})

t.test('receipts, keys and reports are served over HTTP, and refusals are problems like any other', async (t) => {
  const rig = await open(t)
  const { id } = await rig.sold()
  const got = await rig.call('GET', `/receipts/${id}?whatever`)
  t.match(got, {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-request-id': /./ },
    json: { receipt: { receipt: id, iss: rig.publicUrl } },
  })
  t.match((await rig.call('GET', `/receipts/${id}`, { headers: { accept: 'application/jose' } })).headers, { 'content-type': 'application/jose' })
  const keys = await rig.call('GET', '/.well-known/jwks.json')
  t.match(keys.json, { keys: [{ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid: /^[\w-]{43}$/, x: /^[\w-]{43}$/ }] })
  t.notMatch(keys.text, '"d"')
  t.match(readJws(String(got.json.jws), readJwks(keys.json) ?? { keys: [] }), { payload: { receipt: id } })
  const report = (): Promise<Answer> => rig.call('POST', `/receipts/${id}/report`, { body: { reason: 'it is empty' } })
  t.match(
    [await report(), await report()],
    [
      { status: 200, json: { already: false } },
      { status: 200, json: { already: true } },
    ],
  )
  t.match(await rig.call('GET', `/receipts/${id.slice(0, -1)}${id.endsWith('0') ? 1 : 0}`), {
    status: 404,
    headers: { 'content-type': 'application/problem+json' },
    json: { code: 'unknown_route' },
  })
  t.match(await rig.call('DELETE', `/receipts/${id}`), { status: 405, headers: { allow: 'GET' }, json: { code: 'method_not_allowed' } })
  t.match(await rig.call('POST', `/receipts/${id}/report`, { body: `{"reason":"${'x'.repeat(20_000)}"}` }), { status: 413, json: { code: 'body_too_large' } })
})
