/** A signed transfer is byte for byte what viem makes of the same wish, and the key is in nothing that comes out. */

import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { encodeFunctionData, keccak256, parseAbi, parseTransaction, toRlp } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { hexOf, rlp, Wallet } from '../../gateway/payouts/transfer.ts'
import { seedOf } from '../rig/random.ts'

type Hex = `0x${string}`

const ABI = parseAbi(['function transfer(address to, uint256 value) returns (bool)'])
const hex = (bytes: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array): Hex => `0x${Buffer.from(array).toString('hex')}`)
const number = (bits: number): fc.Arbitrary<bigint> =>
  fc.oneof(fc.constantFrom(0n, 1n, 127n, 128n, 255n, 256n), fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }))

const wish = fc.record({
  chainId: fc.bigInt({ min: 1n, max: 2n ** 40n }),
  accountNonce: number(32),
  tip: number(60),
  room: number(60),
  gas: number(40),
  asset: hex(20),
  to: hex(20),
  amount: number(80),
})
const key = hex(32).filter((text) => BigInt(text) > 0n && BigInt(text) < 2n ** 255n)

t.test('a signed transfer is what viem signs', async (t) => {
  const property = fc.asyncProperty(key, wish, async (privateKey, { room, ...rest }) => {
    const mostFee = rest.tip + room
    const { chainId, accountNonce, tip, gas, asset, to, amount } = rest
    const account = privateKeyToAccount(privateKey)
    const data = encodeFunctionData({ abi: ABI, functionName: 'transfer', args: [to, amount] })
    const expected = await account.signTransaction({
      ...{ type: 'eip1559', chainId: Number(chainId), nonce: Number(accountNonce), maxPriorityFeePerGas: tip, maxFeePerGas: mostFee, gas, to: asset, data },
    })
    const wallet = new Wallet(privateKey)
    const { raw, transaction } = wallet.sign({ ...rest, mostFee })
    return raw === expected && transaction === keccak256(expected) && wallet.address === account.address.toLowerCase()
  })
  await fc.assert(property, { numRuns: 300, seed: seedOf(t) })
})

t.test('RLP of any nesting is what viem writes', async (t) => {
  type Nested = Uint8Array | Nested[]
  const { item } = fc.letrec<{ item: Nested; list: Nested[] }>((tie) => ({
    item: fc.oneof({ maxDepth: 4 }, fc.uint8Array({ maxLength: 300 }), tie('list')),
    list: fc.array(tie('item'), { maxLength: 6 }),
  }))
  const asHex = (value: Nested): unknown => (value instanceof Uint8Array ? hexOf(value) : value.map(asHex))
  fc.assert(
    fc.property(item, (value) => hexOf(rlp(value)) === toRlp(asHex(value) as Hex)),
    { numRuns: 1_000, seed: seedOf(t) },
  )
})

t.test('the amount on the wire is the amount that was meant', async (t) => {
  const wallet = new Wallet(`0x${'11'.repeat(32)}`)
  const to = `0x${'ab'.repeat(20)}`
  const common = { chainId: 1n, accountNonce: 0n, tip: 1n, mostFee: 2n, gas: 3n, asset: `0x${'cd'.repeat(20)}`, to }
  const { data } = parseTransaction(wallet.sign({ ...common, amount: 12_345_678n }).raw as Hex)
  t.equal(data, `0xa9059cbb${'0'.repeat(24)}${'ab'.repeat(20)}${(12_345_678).toString(16).padStart(64, '0')}`)
})

t.test('a key that is none is refused without being repeated', async (t) => {
  const beyond = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
  for (const text of ['', 'abc', '0'.repeat(64), beyond, `0x${'f'.repeat(64)}`, 'g'.repeat(64), `0x${'1'.repeat(63)}`]) {
    try {
      new Wallet(text)
      t.fail('taken')
    } catch (error) {
      t.match(error, { name: 'WalletError', message: 'payout.signer is no private key of a wallet; expected 64 hex digits' })
      t.notOk(text.length > 3 && inspect(error).includes(text))
    }
  }
})

t.test('a wallet prints its address and never its key', async (t) => {
  const secret = '7b'.repeat(32)
  const wallet = new Wallet(secret)
  const said = inspect(wallet, { depth: 9, showHidden: true }) + JSON.stringify(wallet) + String(wallet)
  t.match(said, wallet.address)
  t.notMatch(said, secret)
  t.notMatch(said, /7b, ?7b|123, ?123/)
})
