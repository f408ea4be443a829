/** A receipt attests what was charged, to anybody who has its id and the keys, and tells nobody who was charged. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isRefusal, type Refusal, sha256 } from '#contract'
import { type PageAnswer, Receipts } from '../../gateway/office/receipts.ts'
import { FileShelf, SigningKeys } from '../../gateway/vault/index.ts'
import { atlas } from '../rig/atlas.ts'
import { BALANCE, bearer, openGateway, type Rig, sandbox, WALLET } from '../rig/gateway.ts'

interface Desk extends Rig {
  readonly receipts: Receipts
  readonly keys: SigningKeys
  /** Id of the receipt of a call that was charged, and the body of its answer. */
  sold(): Promise<{ id: string; body: string; key: string }>
  page(path: string, more?: { method?: string; accept?: string; contentType?: string; body?: string }): Promise<PageAnswer | Refusal>
}

async function open(t: Test, books?: { charged: Rig['gateway']['ground']['books']['charged'] }): Promise<Desk> {
  const rig = await openGateway(t, sandbox())
  const { ground } = rig.gateway
  const keys = new SigningKeys(new FileShelf(ground.config.store.path), ground.clock)
  const receipts = new Receipts({
    ...{ books: books ?? ground.books, signer: keys, clock: ground.clock, log: ground.log, origin: () => rig.publicUrl },
    reportsFile: join(ground.config.store.path, 'reports.jsonl'),
  })
  return {
    ...{ ...rig, receipts, keys },
    sold: async () => {
      const { key } = await rig.key({ credits: '$5' })
      const answer = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
      if (answer.status !== 200) throw new Error(answer.text)
      return { id: answer.headers['x-atlas-receipt'] ?? '', body: answer.text, key }
    },
    page: (path, { method = 'GET', accept, contentType, body = '' } = {}) => receipts.answer({ method, path, accept, contentType, body: Buffer.from(body) }),
  }
}

const bodyOf = (answer: PageAnswer | Refusal): string => {
  if (isRefusal(answer)) throw new Error(`${answer.code}: ${answer.detail}`)
  return answer.body
}
type Members = Record<string, unknown>
const jsonOf = (answer: PageAnswer | Refusal): Members => JSON.parse(bodyOf(answer)) as Members
const kept = (rig: Desk, name: string, text: string): string => {
  const file = join(rig.folder, name)
  writeFileSync(file, text)
  return file
}

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

t.test('atlas receipt verify prints what is attested, without the gateway', async (t) => {
  const rig = await open(t)
  const { id, body } = await rig.sold()
  const file = kept(rig, 'receipt.json', bodyOf(await rig.page(`/receipts/${id}`)))
  const jwks = kept(rig, 'jwks.json', bodyOf(await rig.page('/.well-known/jwks.json')))
  const bare = kept(rig, 'receipt.jws', bodyOf(await rig.page(`/receipts/${id}`, { accept: 'application/jose' })))
  await rig.keys.rotate()
  for (const args of [
    [file, '--jwks', jwks],
    [bare, '--jwks', jwks],
    [file, '--config', rig.file],
  ]) {
    const ran = await atlas(['receipt', 'verify', ...args])
    t.equal(ran.status, 0, ran.stderr)
    t.match(ran.stdout, new RegExp(`^receipt +${id}$[^]*^price +0\\.15$[^]*^split owner_share +0\\.135$[^]*^signed by +[\\w-]{43}$`, 'm'))
  }
  const request = kept(rig, 'request', `POST ${BALANCE}\n${JSON.stringify(WALLET)}`)
  const answer = kept(rig, 'answer', body)
  const both = await atlas(['receipt', 'verify', file, '--jwks', jwks, '--request', request, '--answer', answer, '--json'])
  t.match(both.json, { verified: true, compared: ['request_digest', 'answer_digest'], receipt: { receipt: id } })
  const other = await atlas(['receipt', 'verify', file, '--jwks', jwks, '--answer', request])
  t.match(other, { status: 1, stdout: '', stderr: /does not match answer_digest: it is another answer$/m })
})

t.test('atlas receipt verify ends with 1 and one sentence where a byte is another one', async (t) => {
  const rig = await open(t)
  const { id } = await rig.sold()
  const whole = bodyOf(await rig.page(`/receipts/${id}`))
  const jwks = kept(rig, 'jwks.json', bodyOf(await rig.page('/.well-known/jwks.json')))
  const changed = kept(rig, 'changed.json', whole.replace('"price":"0.15"', '"price":"0.16"'))
  const ran = await atlas(['receipt', 'verify', changed, '--jwks', jwks])
  t.match(ran, { status: 1, stdout: '' })
  t.equal(ran.stderr, `${changed}: receipt and signature do not agree: price is not what was signed\n`)
  t.match(await atlas(['receipt', 'verify', join(rig.folder, 'missing'), '--jwks', jwks]), { status: 1, stderr: /cannot be read/ })
  t.match(await atlas(['receipt', 'verify', changed], { cwd: '/' }), { status: 2, stderr: /there are no keys to check it with/ })
})

t.test('keys named on the command line come before those that somebody wrote into the file', async (t) => {
  const rig = await open(t)
  const { id } = await rig.sold()
  const jwks = bodyOf(await rig.page('/.well-known/jwks.json'))
  const forger = new SigningKeys(new FileShelf(join(rig.folder, 'forger')), rig.gateway.ground.clock)
  const receipt = { ...(jsonOf(await rig.page(`/receipts/${id}`)).receipt as Members), price: '0.01' }
  const forged = kept(rig, 'forged.json', JSON.stringify({ receipt, jws: await forger.sign(JSON.stringify(receipt)), jwks: await forger.jwks() }))
  t.match(await atlas(['receipt', 'verify', forged]), { status: 0, stderr: /the receipt is whole, but who made it is not proven/ })
  t.match(await atlas(['receipt', 'verify', forged, '--config', rig.file]), { status: 1, stderr: /which is not among those given/ })
  t.match(await atlas(['receipt', 'verify', forged, '--jwks', kept(rig, 'jwks.json', jwks)]), { status: 1, stderr: /which is not among those given/ })
  const server = createServer((request, response) => void response.writeHead(request.url === '/.well-known/jwks.json' ? 200 : 404).end(jwks)).listen(
    0,
    '127.0.0.1',
  )
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.match(await atlas(['receipt', 'verify', forged, '--url', url]), { status: 1, stderr: /which is not among those given/ })
  const honest = kept(rig, 'honest.json', bodyOf(await rig.page(`/receipts/${id}`)))
  t.match(await atlas(['receipt', 'verify', honest, '--url', url]), { status: 0 })
  t.match(await atlas(['receipt', 'verify', honest, '--url', 'http://127.0.0.1:1']), { status: 1, stderr: /cannot be reached; say --jwks FILE/ })
})
