/** Guarantees of the test rig itself: the chain, the token, the official facilitator on it and the official client before it. */

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createWalletClient, http, keccak256, parseAbi, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { FacilitatorRequest } from '../../gateway/contract/index.ts'
import { AMOUNT, wrongPayments } from '../sandbox/wrong-payments.ts'
import { type Account, chainAt, startChain } from './chain.ts'
import { decodeHeader, encodeHeader, type PaymentJson, payingFetch, signedPayload } from './client.ts'
import { startFacilitator } from './facilitator.ts'
import { offerV1, offerV2 } from './offer.ts'

type Json = Record<string, unknown>

const ABI = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature)',
])
const CANCELED = keccak256(toHex('AuthorizationCanceled(address,bytes32)'))

const chain = await startChain()
t.teardown(() => chain.close())
const facilitator = await startFacilitator(chain)
t.teardown(() => facilitator.close())

const [buyer, seller, other] = chain.accounts as [Account, Account, Account]
const DOLLARS = 100_000_000n
await chain.mint(buyer.address, DOLLARS)
const options = { payTo: seller.address, amount: AMOUNT }

async function ask(path: '/verify' | '/settle', request: FacilitatorRequest): Promise<Json> {
  const response = await fetch(facilitator.url + path, { method: 'POST', body: JSON.stringify(request) })
  return { status: response.status, ...((await response.json()) as Json) }
}

async function paid(offered: ReturnType<typeof offerV1> | ReturnType<typeof offerV2>): Promise<FacilitatorRequest> {
  return { x402Version: offered.x402Version, paymentPayload: await signedPayload(offered, buyer.privateKey), paymentRequirements: offered.accepts[0] }
}

/** What the buyer lost and the seller got while `work` was done. */
async function moved(work: () => Promise<unknown>): Promise<[bigint, bigint]> {
  const before = [await chain.balanceOf(buyer.address), await chain.balanceOf(seller.address)] as const
  await work()
  return [before[0] - (await chain.balanceOf(buyer.address)), (await chain.balanceOf(seller.address)) - before[1]]
}

/** The smallest seller: offers both versions in one 402, verifies, settles, answers. */
async function startSeller() {
  const payments: string[] = []
  const serve = async (request: IncomingMessage): Promise<[number, Record<string, string>, unknown]> => {
    const [v1, v2] = [offerV1(options), offerV2(options)]
    const header = request.headers['payment-signature'] ?? request.headers['x-payment']
    if (typeof header !== 'string') {
      return [402, { 'payment-required': encodeHeader(v2) }, request.url === '/v1' ? v1 : {}]
    }
    payments.push(header)
    const paymentPayload = decodeHeader(header) as { x402Version: 1 | 2 }
    const asked = { x402Version: paymentPayload.x402Version, paymentPayload, paymentRequirements: (paymentPayload.x402Version === 1 ? v1 : v2).accepts[0] }
    if ((await ask('/verify', asked)).isValid !== true) return [402, { 'payment-required': encodeHeader(v2) }, {}]
    const receipt = await ask('/settle', asked)
    const name = paymentPayload.x402Version === 1 ? 'x-payment-response' : 'payment-response'
    return [receipt.success === true ? 200 : 402, { [name]: encodeHeader(receipt) }, { sold: true }]
  }
  const server = createServer((request, response) => {
    serve(request).then(
      ([status, headers, body]) => {
        if (request.url === '/v1') delete headers['payment-required']
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
      },
      (error: Error) => response.destroy(error),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, payments }
}

t.test('the token says what USDC on Base Sepolia says', async (t) => {
  const { kinds } = (await (await fetch(`${facilitator.url}/supported`)).json()) as { kinds: Json[] }
  t.ok(kinds.some((kind) => kind.x402Version === 2 && kind.network === 'eip155:84532' && kind.scheme === 'exact'))
  t.ok(kinds.some((kind) => kind.x402Version === 1 && kind.network === 'base-sepolia' && kind.scheme === 'exact'))
  t.equal(await chain.balanceOf(buyer.address), DOLLARS)
  t.equal(await chain.rpc('eth_chainId'), '0x14a34')
})

for (const offer of [offerV1, offerV2]) {
  const offered = offer(options)
  t.test(`a v${offered.x402Version} payment signed by the official client moves exactly its amount, once`, async (t) => {
    const request = await paid(offered)
    t.match(await ask('/verify', request), { status: 200, isValid: true, payer: buyer.address })
    const amounts = await moved(async () => {
      t.match(await ask('/settle', request), { success: true, transaction: /^0x[0-9a-f]{64}$/, payer: buyer.address })
      t.match(await ask('/settle', request), { success: false, transaction: '' })
    })
    t.same(amounts, [10_000n, 10_000n])
    t.match(await ask('/verify', request), { isValid: false, invalidReason: 'invalid_exact_evm_nonce_already_used' })
  })
}

t.test('the official client pays a seller by itself, in both versions', async (t) => {
  const shop = await startSeller()
  const pay = payingFetch({ privateKey: buyer.privateKey, rpcUrl: chain.rpcUrl })
  for (const [path, receipt, version] of [
    ['/v1', 'x-payment-response', 1],
    ['/v2', 'payment-response', 2],
  ] as const) {
    const amounts = await moved(async () => {
      const response = await pay(shop.url + path)
      t.equal(response.status, 200)
      t.same(await response.json(), { sold: true })
      t.match(decodeHeader(response.headers.get(receipt) ?? ''), { success: true, payer: buyer.address })
    })
    t.same(amounts, [10_000n, 10_000n])
    t.match(decodeHeader(shop.payments.at(-1) ?? ''), { x402Version: version })
  }
})

t.test('20 payments at once are all settled', async (t) => {
  const requests = await Promise.all(Array.from({ length: 20 }, () => paid(offerV2(options))))
  const amounts = await moved(async () => {
    const results = await Promise.all(requests.map((request) => ask('/settle', request)))
    t.equal(results.filter((result) => result.success).length, 20)
  })
  t.same(amounts, [200_000n, 200_000n])
})

t.test('the official facilitator refuses what the play facilitator refuses, for the same reasons', async (t) => {
  // the buyer of the table has $100 and asks for one unit more
  await chain.mint(buyer.address, DOLLARS - (await chain.balanceOf(buyer.address)))
  const offered = offerV2(options)
  for (const { wrong, reason, payment, offer, asked, playOnly } of wrongPayments(Math.floor(Date.now() / 1000), other.address)) {
    if (playOnly === true) continue
    const requirements: Json = offer?.(offered.accepts[0] as Json) ?? (offered.accepts[0] as Json)
    const paymentPayload = await signedPayload({ ...offered, accepts: [requirements] }, buyer.privateKey, payment)
    const request: FacilitatorRequest = { x402Version: 2, paymentPayload, paymentRequirements: asked?.(requirements) ?? requirements }
    t.match(await ask('/verify', request), { isValid: false, invalidReason: reason }, wrong)
  }
})

t.test('a facilitator that misbehaves after settling has settled all the same', async (t) => {
  const settle = async () => {
    const request = await paid(offerV2(options))
    const response = await fetch(`${facilitator.url}/settle`, { method: 'POST', body: JSON.stringify(request) }).catch(() => undefined)
    return response === undefined ? 'dropped' : `${response.status} ${await response.text()}`
  }
  for (const [misdeed, said, amount] of [
    [{ status: 500, body: 'oops' }, '500 oops', 10_000n],
    [{ body: '<html>' }, '200 <html>', 10_000n],
    [{ drop: true }, 'dropped', 10_000n],
    [{ drop: true, work: false }, 'dropped', 0n],
  ] as const) {
    facilitator.misbehave((path) => (path === '/settle' ? misdeed : undefined))
    t.same(await moved(async () => t.equal(await settle(), said)), [amount, amount])
  }
  facilitator.misbehave(undefined)
  t.match(await settle(), /"success":true/)
})

t.test('a settlement can be held before and after it is done', async (t) => {
  let start = (): void => {}
  let answer = (): void => {}
  const before = new Promise<void>((resolve) => {
    start = resolve
  })
  const after = new Promise<void>((resolve) => {
    answer = resolve
  })
  const settles = facilitator.settleCount
  facilitator.misbehave(() => ({ before, after }))
  t.teardown(() => facilitator.misbehave(undefined))
  let answered = false
  const amounts = await moved(async () => {
    const settled = ask('/settle', await paid(offerV2(options))).then((result) => {
      answered = true
      return result
    })
    const balance = await chain.balanceOf(seller.address)
    start()
    while ((await chain.balanceOf(seller.address)) === balance) await chain.rpc('eth_blockNumber')
    t.notOk(answered)
    answer()
    t.match(await settled, { success: true })
  })
  t.same(amounts, [10_000n, 10_000n])
  t.equal(facilitator.settleCount, settles + 1)
})

t.test('the token takes a signature as bytes, too, and a cancelled authorization counts as used', async (t) => {
  const account = privateKeyToAccount(buyer.privateKey)
  const wallet = createWalletClient({ account, chain: chainAt(chain.rpcUrl), transport: http(chain.rpcUrl) })
  const { payload } = await signedPayload(offerV2(options), buyer.privateKey)
  const { from, to, value, validAfter, validBefore, nonce } = payload.authorization
  const call = { address: chain.token, abi: ABI } as const
  const transfer = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, payload.signature] as const
  t.same(await moved(() => wallet.writeContract({ ...call, functionName: 'transferWithAuthorization', args: transfer })), [10_000n, 10_000n])

  const request = await paid(offerV2(options))
  const cancelled = (request.paymentPayload as PaymentJson).payload.authorization.nonce
  const signature = await account.signTypedData({
    domain: { name: 'USDC', version: '2', chainId: chain.chainId, verifyingContract: chain.token },
    types: {
      CancelAuthorization: [
        { name: 'authorizer', type: 'address' },
        { name: 'nonce', type: 'bytes32' },
      ],
    },
    primaryType: 'CancelAuthorization',
    message: { authorizer: from, nonce: cancelled },
  })
  await wallet.writeContract({ ...call, functionName: 'cancelAuthorization', args: [from, cancelled, signature] })
  const logs = (await chain.rpc('eth_getLogs', [{ address: chain.token, topics: [CANCELED], fromBlock: '0x0' }])) as { topics: string[] }[]
  t.same(
    logs.map((log) => log.topics[2]),
    [cancelled],
  )
  t.same(await moved(async () => t.match(await ask('/settle', request), { errorReason: 'invalid_exact_evm_nonce_already_used' })), [0n, 0n])
})

t.test('time on the chain can be moved, and an expired authorization fails there', async (t) => {
  const before = await chain.nowSeconds()
  await chain.advance(3600)
  t.ok((await chain.nowSeconds()) >= before + 3600)
  t.match(await ask('/settle', await paid(offerV2(options))), { success: false, errorReason: 'invalid_exact_evm_payload_authorization_valid_before' })
})
