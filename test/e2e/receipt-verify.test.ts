/** `atlas receipt verify` says what a receipt attests, without the gateway, and in one sentence what does not match. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { FileShelf, SigningKeys } from '../../gateway/vault/index.ts'
import { atlas } from '../rig/atlas.ts'
import { BALANCE, WALLET } from '../rig/gateway.ts'
import { bodyOf, jsonOf, kept, type Members, openReceipts as open } from '../rig/receipts.ts'

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
