/** EIP-3009 on the test chain without any facilitator: what anybody can do who has seen a signed authorization, and what its signer can. */

import { createWalletClient, http, parseAbi, publicActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type Account, type Chain, chainAt, POLL_MS } from './chain.ts'
import { type Authorization, decodeHeader, type PaymentJson, TRANSFER_TYPES } from './client.ts'
import type { Hex } from './compile.ts'

const ABI = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature)',
])
const CANCEL_TYPES = {
  CancelAuthorization: [
    { name: 'authorizer', type: 'address' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const

export interface Signed {
  readonly authorization: Authorization
  readonly signature: Hex
}

const domainOf = ({ token, chainId }: Chain) => ({ name: 'USDC', version: '2', chainId, verifyingContract: token })

/** What stands in a payment's header. */
export const signedIn = (header: string): Signed => (decodeHeader(header) as PaymentJson).payload

export async function sign({ chain, from, authorization }: { chain: Chain; from: Account; authorization: Authorization }): Promise<Signed> {
  const { value, validAfter, validBefore } = authorization
  const message = { ...authorization, value: BigInt(value), validAfter: BigInt(validAfter), validBefore: BigInt(validBefore) }
  const account = privateKeyToAccount(from.privateKey)
  const signature = await account.signTypedData({ domain: domainOf(chain), types: TRANSFER_TYPES, primaryType: 'TransferWithAuthorization', message })
  return { authorization, signature }
}

async function send(
  chain: Chain,
  by: Account,
  call: { functionName: 'transferWithAuthorization' | 'cancelAuthorization'; args: readonly unknown[] },
): Promise<Hex> {
  const account = privateKeyToAccount(by.privateKey)
  const client = createWalletClient({ account, chain: chainAt(chain.rpcUrl), transport: http(chain.rpcUrl), pollingInterval: POLL_MS }).extend(publicActions)
  const hash = await client.writeContract({ address: chain.token, abi: ABI, ...call } as never)
  await client.waitForTransactionReceipt({ hash })
  return hash
}

/** Anybody who has seen it may send it. */
export const submit = (chain: Chain, by: Account, { authorization: a, signature }: Signed): Promise<Hex> =>
  send(chain, by, {
    functionName: 'transferWithAuthorization',
    args: [a.from, a.to, BigInt(a.value), BigInt(a.validAfter), BigInt(a.validBefore), a.nonce, signature],
  })

/** Only the signer can take it back. */
export async function cancel(chain: Chain, by: Account, { authorization: { from, nonce } }: Pick<Signed, 'authorization'>): Promise<Hex> {
  const message = { authorizer: from, nonce }
  const account = privateKeyToAccount(by.privateKey)
  const signature = await account.signTypedData({ domain: domainOf(chain), types: CANCEL_TYPES, primaryType: 'CancelAuthorization', message })
  return send(chain, by, { functionName: 'cancelAuthorization', args: [from, nonce, signature] })
}
