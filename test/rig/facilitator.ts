/** A real facilitator over HTTP: the official one of @x402/core and @x402/evm on the test chain, which can be told to misbehave. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { x402Facilitator } from '@x402/core/facilitator'
import { toFacilitatorEvmSigner } from '@x402/evm'
import { registerExactEvmScheme } from '@x402/evm/exact/facilitator'
import { createWalletClient, http, publicActions } from 'viem'
import { createNonceManager, type NonceManager, privateKeyToAccount } from 'viem/accounts'
import { jsonRpc } from 'viem/nonce'
import { type Chain, chainAt, POLL_MS } from './chain.ts'

type FacilitatorPath = '/verify' | '/settle'

/** What to do instead of answering well. Without any of it the answer is the true one. */
export interface Misdeed {
  /** The work starts when this resolves. */
  readonly before?: Promise<unknown>
  /** False: nothing is verified or settled. Default: it is done first, whatever is said about it. */
  readonly work?: boolean
  /** The answer (or the end of the connection) comes when this resolves. */
  readonly after?: Promise<unknown>
  /** The connection is cut instead of an answer. */
  readonly drop?: boolean
  /** Replace what would be answered; a string goes out as it is, which makes garbage possible. */
  readonly status?: number
  readonly body?: string
}

interface Asked {
  readonly path: FacilitatorPath
  readonly body: { readonly x402Version: number; readonly paymentPayload: unknown; readonly paymentRequirements: unknown }
}

type Misbehaviour = (path: FacilitatorPath, request: Asked) => Misdeed | undefined

export interface RigFacilitator {
  readonly url: string
  /** Requests that arrived, in order, with those that were dropped or not worked on. */
  readonly requests: readonly Asked[]
  readonly verifyCount: number
  readonly settleCount: number
  /** Asked for every request; undefined makes it behave again. */
  misbehave(how: Misbehaviour | undefined): void
  close(): Promise<void>
}

export interface RigOptions {
  /** A payment is simulated at verify in any case; this does it again at settle, as some facilitators do. */
  readonly simulateInSettle?: boolean
}

// Without one, concurrent settlements take each other's transaction number. One a chain, because viem's own is one a process
// and knows chains by their id only, which all test chains share.
const nonceManagers = new WeakMap<Chain, NonceManager>()
function nonceManagerOf(chain: Chain): NonceManager {
  const manager = nonceManagers.get(chain) ?? createNonceManager({ source: jsonRpc() })
  nonceManagers.set(chain, manager)
  return manager
}

function facilitatorOn(chain: Chain, options: RigOptions): x402Facilitator {
  const account = privateKeyToAccount(chain.operator.privateKey, { nonceManager: nonceManagerOf(chain) })
  const wallet = createWalletClient({ account, chain: chainAt(chain.rpcUrl), transport: http(chain.rpcUrl), pollingInterval: POLL_MS, cacheTime: 0 })
  const client = { ...wallet.extend(publicActions), address: account.address }
  // the official type asks for looser argument types than viem's clients have, which are what it is meant for
  const signer = toFacilitatorEvmSigner(client as unknown as Parameters<typeof toFacilitatorEvmSigner>[0], { confirmationTimeoutMs: 30_000 })
  const facilitator = new x402Facilitator()
  return registerExactEvmScheme(facilitator, { signer, networks: `eip155:${chain.chainId}`, simulateInSettle: options.simulateInSettle ?? false })
}

async function bodyOf(request: IncomingMessage): Promise<Asked['body']> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

/** What a true facilitator answers; what it throws is a 400 with its message, as in the official example server. */
async function work(facilitator: x402Facilitator, { path, body }: Asked): Promise<{ status: number; body: string }> {
  const [payload, requirements] = [body.paymentPayload, body.paymentRequirements] as Parameters<x402Facilitator['verify']>
  try {
    const result = path === '/verify' ? await facilitator.verify(payload, requirements) : await facilitator.settle(payload, requirements)
    return { status: 200, body: JSON.stringify(result) }
  } catch (error) {
    return { status: 400, body: JSON.stringify({ error: error instanceof Error ? error.message : String(error) }) }
  }
}

export async function startFacilitator(chain: Chain, options: RigOptions = {}): Promise<RigFacilitator> {
  const facilitator = facilitatorOn(chain, options)
  const requests: Asked[] = []
  let misbehaviour: Misbehaviour | undefined

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET' && request.url === '/supported') return send(response, 200, JSON.stringify(facilitator.getSupported()))
    if (request.method !== 'POST' || (request.url !== '/verify' && request.url !== '/settle')) return send(response, 404, '{}')
    const asked: Asked = { path: request.url, body: await bodyOf(request) }
    requests.push(asked)
    const misdeed = misbehaviour?.(asked.path, asked) ?? {}
    await misdeed.before
    const truth = misdeed.work === false ? { status: 500, body: '{}' } : await work(facilitator, asked)
    await misdeed.after
    if (misdeed.drop === true) response.destroy()
    else send(response, misdeed.status ?? truth.status, misdeed.body ?? truth.body)
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const count = (path: FacilitatorPath): number => requests.filter((asked) => asked.path === path).length

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get verifyCount() {
      return count('/verify')
    },
    get settleCount() {
      return count('/settle')
    },
    misbehave: (how) => {
      misbehaviour = how
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
