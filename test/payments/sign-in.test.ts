/** A wallet signs in by what it signed, for this gateway, now; a contract wallet by what it accepts; nobody else does. */

import { createSIWxPayload, encodeSIWxHeader } from '@x402/extensions/sign-in-with-x'
import fc from 'fast-check'
import t from 'tap'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { hashMessage } from 'viem'
import type { EpochMs } from '../../gateway/contract/index.ts'
import { NodeRpc } from '../../gateway/evm/rpc.ts'
import { personalDigest } from '../../gateway/evm/signature.ts'
import { SignIn } from '../../gateway/payments/sign-in.ts'
import { startChain } from '../rig/chain.ts'
import { decodeHeader, encodeHeader } from '../rig/client.ts'
import { compiled, type Hex } from '../rig/compile.ts'
import { startNode } from '../rig/node.ts'
import { seedOf } from '../rig/random.ts'

const ORIGIN = 'https://gateway.example'
const NETWORK = 'eip155:84532'
const account = privateKeyToAccount(generatePrivateKey())
const wallet = account.address.toLowerCase()

const clock = { now: Date.now(), nowMs: () => clock.now as EpochMs }
const opened = (node?: NodeRpc): SignIn =>
  new SignIn({ clock, origin: () => ORIGIN, networks: [NETWORK], node: () => node, hex: (bytes) => 'ab'.repeat(bytes) })

type Signed = Record<string, unknown> & { signature: string }
/** As the official client makes it from our offer. */
async function signed(change: object = {}): Promise<string> {
  const { info, supportedChains } = opened().offer(`${ORIGIN}/nansen/x`) as { info: object; supportedChains: object[] }
  const complete = { ...info, ...supportedChains[0], ...change } as Parameters<typeof createSIWxPayload>[0]
  return encodeSIWxHeader(await createSIWxPayload(complete, account, `https://${complete.domain}/`))
}
const changed = (header: string, change: object): string => encodeHeader({ ...(decodeHeader(header) as Signed), ...change })

t.test('the official client signs in with our offer; shown again it is known without a question', async (t) => {
  const signIn = opened()
  const header = await signed()
  t.equal(signIn.known(header), undefined)
  t.same(await signIn.verify(header), { wallet })
  t.same(signIn.known(header), { wallet })
  t.same(await opened().verify(await signed({ statement: 'Spend my credits.', resources: ['https://a.example', 'https://b.example'], requestId: 'r1' })), {
    wallet,
  })
  t.equal(Buffer.from(personalDigest('schön\n')).toString('hex'), hashMessage('schön\n').slice(2))
})

t.test('it counts for five minutes, whatever it says itself', async (t) => {
  const signIn = opened()
  const header = await signed({ expirationTime: undefined })
  t.same(await signIn.verify(header), { wallet })
  clock.now += 299_000
  t.same(signIn.known(header), { wallet })
  clock.now += 2_000
  t.equal(signIn.known(header), undefined)
  t.match(await signIn.verify(header), { why: /expired/ })
})

const at = (ms: number): string => new Date(clock.now + ms).toISOString()
const wrong: Readonly<Record<string, [() => object, RegExp]>> = {
  'another domain': [() => ({ domain: 'evil.example', uri: 'https://evil.example/' }), /another domain/],
  'another uri': [() => ({ uri: 'https://gateway.example.evil.example/' }), /uri/],
  'another version': [() => ({ version: '2' }), /version/],
  'another chain': [() => ({ chainId: 'eip155:1' }), /another chain/],
  'the future': [() => ({ issuedAt: at(120_000), expirationTime: at(180_000) }), /not valid yet/],
  'not yet': [() => ({ notBefore: at(30_000) }), /not valid yet/],
  'its own end': [() => ({ expirationTime: at(-1) }), /expired/],
  'a time that is none': [() => ({ notBefore: 'soon' }), /time that is none|no/],
}
for (const [what, [change, why]] of Object.entries(wrong)) {
  t.test(`refused for ${what}, though signed`, async (t) => {
    const header = changed(await signed(), change())
    t.match(await opened().verify(header), { why })
  })
}

t.test('a field that is changed after it was signed, or a line that is smuggled in, is nobody', async (t) => {
  const header = await signed()
  for (const change of [
    { nonce: 'ffffffffffffffff' },
    { address: `0x${'11'.repeat(20)}` },
    { statement: 'more' },
    { statement: 'x\n\nURI: https://gateway.example' },
    { signature: `0x${'11'.repeat(65)}` },
    { signature: '0x' },
    { resources: ['a', 1] },
    { domain: 1 },
  ]) {
    t.match(await opened().verify(changed(header, change)), { why: /./ }, JSON.stringify(change))
  }
  for (const text of ['', '{}', 'not base64!', encodeHeader([]), encodeHeader(null), 'A'.repeat(5_000)]) t.match(await opened().verify(text), { why: /./ })
})

/** What is signed, in the members of a header. */
function text(header: string): string {
  const { domain, address, uri, version, chainId, nonce, issuedAt, expirationTime, statement, resources, requestId, notBefore } = decodeHeader(header) as Signed
  return JSON.stringify([
    domain,
    String(address).toLowerCase(),
    uri,
    version,
    chainId,
    nonce,
    issuedAt,
    expirationTime,
    statement,
    resources,
    requestId,
    notBefore,
  ])
}

t.test('2,000 damaged headers: never an exception, never a wallet that did not sign', async (t) => {
  const header = await signed()
  const signIn = opened()
  await fc.assert(
    fc.asyncProperty(fc.nat(header.length), fc.stringMatching(/^[A-Za-z0-9+/=\n ]{0,6}$/), fc.nat(6), async (index, put, cut) => {
      clock.now += 20
      const damaged = header.slice(0, index) + put + header.slice(index + cut)
      const found = await signIn.verify(damaged)
      if ('wallet' in found && found.wallet !== wallet) throw new Error(JSON.stringify(found))
      if ('wallet' in found && text(damaged) !== text(header)) throw new Error('another text was taken for signed')
    }),
    { numRuns: 2_000, seed: seedOf(t) },
  )
})

t.test('anybody can send signatures: so many are checked in a second, and a wallet that is known waits for none of them', async (t) => {
  const signIn = opened()
  const header = await signed()
  t.same(await signIn.verify(header), { wallet })
  const forged = await Promise.all(Array.from({ length: 150 }, (_, index) => signIn.verify(changed(header, { nonce: `forged${index}` }))))
  const refused = forged.filter((one) => 'why' in one).length
  t.ok(refused >= 50 && refused < 150, `${refused} were looked at`)
  t.match(forged.at(-1), { lost: Error })
  t.same(signIn.known(header), { wallet })
  clock.now += 1_000
  t.same(await signIn.verify(await signed()), { wallet }, 'and in the next second there is room again')
})

const CONTRACT = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;
/// A wallet that accepts what its owner signed; the owner stands in the first slot.
contract Wallet {
    address public owner;
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        require(signature.length == 65, "no signature");
        address signer = ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]));
        return signer == owner ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}`

t.test('a contract wallet signs in where a node is named, and by nobody but its owner', async (t) => {
  const chain = await startChain()
  t.teardown(() => chain.close())
  const node = await startNode(t, chain.rpcUrl)
  const address = `0x${'c0'.repeat(20)}`
  await chain.rpc('anvil_setCode', [address, compiled(CONTRACT).Wallet as Hex])
  await chain.rpc('anvil_setStorageAt', [address, `0x${'0'.repeat(64)}`, `0x${wallet.slice(2).padStart(64, '0')}`])
  const by = async (signer: typeof account): Promise<string> => {
    const { info, supportedChains } = opened().offer(`${ORIGIN}/x`) as { info: object; supportedChains: object[] }
    const contract = { ...signer, address: address as Hex }
    const complete = { ...info, ...supportedChains[0] } as Parameters<typeof createSIWxPayload>[0]
    return encodeSIWxHeader(await createSIWxPayload(complete, contract, ORIGIN))
  }
  const rpc = (): NodeRpc => new NodeRpc(node.url, 200, 'x402-payment.rpc')
  const header = await by(account)
  t.same(await opened(rpc()).verify(header), { wallet: address })
  t.match(await opened().verify(header), { why: /not signed/ }, 'without a node nobody can tell')
  t.match(await opened(rpc()).verify(await by(privateKeyToAccount(generatePrivateKey()))), { why: /not/ })
  t.match(await opened(rpc()).verify(changed(header, { signature: `0x${'11'.repeat(66)}` })), { why: /not accepted/ }, 'a contract that reverts says no')
  t.match(await opened(rpc()).verify(changed(header, { address: `0x${'c1'.repeat(20)}` })), { why: /not signed/ }, 'nor an address without a contract')
  for (const said of ['<html>', '{"jsonrpc":"2.0","id":1,"result":"0x1626ba7e"}']) {
    node.manner = async ({ method }, forward) => (method === 'eth_call' ? said : forward())
    t.notMatch(await opened(rpc()).verify(header), { wallet: address }, said)
  }
  node.manner = () => new Promise(() => undefined)
  t.match(await opened(rpc()).verify(header), { lost: Error })
})
