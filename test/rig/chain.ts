/** A real EVM chain for tests: anvil on a free port, posing as Base Sepolia, with a USDC of our own at USDC's address there. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestClient, defineChain, http, parseAbi, publicActions, walletActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { networks } from '../../gateway/contract/index.ts'
import { compiled, type Hex } from './compile.ts'
import { TOKEN_SOURCE } from './token.ts'

export interface Account {
  readonly address: Hex
  readonly privateKey: Hex
}

export interface Chain {
  readonly rpcUrl: string
  readonly chainId: number
  /** Where the token stands: USDC's address on Base Sepolia. */
  readonly token: Hex
  /** For tests, each with 10,000 ether and no tokens. */
  readonly accounts: readonly Account[]
  /** Pays the gas of facilitators. */
  readonly operator: Account
  /** Makes atomic units of the token out of nothing. Waits for its block, so mining must be on. */
  mint(to: string, amount: bigint): Promise<void>
  balanceOf(address: string): Promise<bigint>
  /** Any JSON-RPC method, for what has no helper here. */
  rpc(method: string, params?: readonly unknown[]): Promise<unknown>
  /** Time of the newest block, in seconds: the clock's, and what `advance` added. The official facilitator goes by the clock. */
  nowSeconds(): Promise<number>
  /** The next block comes `seconds` later, and at once. */
  advance(seconds: number): Promise<void>
  mine(blocks?: number): Promise<void>
  /** Off: transactions wait until `mine`, so that a settlement can be caught half-way. */
  automine(on: boolean): Promise<void>
  close(): Promise<void>
}

const ABI = parseAbi(['function mint(address to, uint256 value) returns (bool)', 'function balanceOf(address) view returns (uint256)'])
const TOKEN = networks['base-sepolia'].usdc.address as Hex
/** The same on every chain (multicall3.com); @x402/evm asks it why a transfer would fail. */
const MULTICALL3: Hex = '0xcA11bde05977b3631167028862bE2a173976CA11'
/** Often enough that a test does not wait for it. */
export const POLL_MS = 20

/** The program itself, whose package is chosen by npm for the machine; the wrapper around it relies on an install script. */
function anvilFile(): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/anvil${process.platform === 'win32' ? '.exe' : ''}`)
  } catch (cause) {
    throw new Error(`the test chain needs the package ${name}; run npm ci with optional dependencies`, { cause })
  }
}

interface Started {
  readonly child: ChildProcess
  readonly port: number
  readonly keys: readonly Hex[]
}

/** Resolves when anvil has printed its keys and its port. */
function startAnvil(chainId: number, folder: string): Promise<Started> {
  const args = ['--port', '0', '--host', '127.0.0.1', '--chain-id', String(chainId), '--cache-path', folder]
  const child = spawn(anvilFile(), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  return new Promise((resolve, reject) => {
    let said = ''
    const read = (chunk: Buffer): void => {
      said += chunk.toString()
      const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(said)
      if (found === null) return
      child.stdout.removeListener('data', read).resume()
      child.stderr.removeListener('data', read).resume()
      const keys = [...said.matchAll(/^\(\d+\) (0x[0-9a-f]{64})\s*$/gm)].map((match) => match[1] as Hex)
      resolve({ child, port: Number(found[1]), keys })
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('error', reject)
    child.once('exit', (code) => reject(new Error(`anvil ended with ${code} before it listened:\n${said}`)))
  })
}

/** Ends the child and its folder with us, also when we are ended by a signal; a SIGKILL of ours is the one thing it survives. */
function endTogether(child: ChildProcess, folder: string): () => Promise<void> {
  const kill = (): void => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    kill()
    process.kill(process.pid, signal)
  }
  const signals: NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP']
  process.once('exit', kill)
  for (const signal of signals) process.once(signal, onSignal)
  return async () => {
    process.removeListener('exit', kill)
    for (const signal of signals) process.removeListener(signal, onSignal)
    const running = child.exitCode === null && child.signalCode === null
    const ended = running ? new Promise((resolve) => child.once('exit', resolve)) : undefined
    kill()
    await ended
  }
}

const accountOf = (privateKey: Hex): Account => ({ address: privateKeyToAccount(privateKey).address, privateKey })

export const chainAt = (rpcUrl: string) =>
  defineChain({
    id: networks['base-sepolia'].chainId,
    name: 'play chain',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  })

const clientAt = (rpcUrl: string) =>
  createTestClient({ mode: 'anvil', chain: chainAt(rpcUrl), transport: http(rpcUrl), pollingInterval: POLL_MS, cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions)

/** What is done on the chain, apart from how it is started and ended. */
function toolsOf(client: ReturnType<typeof clientAt>, minter: Hex): Omit<Chain, 'rpcUrl' | 'chainId' | 'token' | 'accounts' | 'operator' | 'close'> {
  return {
    mint: async (to, amount) => {
      const hash = await client.writeContract({ account: minter, address: TOKEN, abi: ABI, functionName: 'mint', args: [to as Hex, amount] })
      await client.waitForTransactionReceipt({ hash })
    },
    balanceOf: (address) => client.readContract({ address: TOKEN, abi: ABI, functionName: 'balanceOf', args: [address as Hex] }),
    rpc: (method, params = []) => client.request({ method, params } as never),
    nowSeconds: async () => Number((await client.getBlock({ blockTag: 'latest' })).timestamp),
    advance: async (seconds) => {
      await client.increaseTime({ seconds })
      await client.mine({ blocks: 1 })
    },
    mine: (blocks = 1) => client.mine({ blocks }),
    automine: async (on) => {
      await client.setAutomine(on)
    },
  }
}

export async function startChain(): Promise<Chain> {
  const { chainId } = networks['base-sepolia']
  const folder = mkdtempSync(join(tmpdir(), 'atlas-chain-'))
  const { child, port, keys } = await startAnvil(chainId, folder)
  const close = endTogether(child, folder)
  try {
    const accounts = keys.map(accountOf)
    // two of the ten are kept from the tests, so that nobody's transaction numbers collide
    const [minter, operator] = accounts.splice(-2)
    if (minter === undefined || operator === undefined) throw new Error('anvil printed no keys')
    const rpcUrl = `http://127.0.0.1:${port}`
    const client = clientAt(rpcUrl)
    const code = compiled(TOKEN_SOURCE)
    await client.setCode({ address: TOKEN, bytecode: code.Token as Hex })
    await client.setCode({ address: MULTICALL3, bytecode: code.Multicall as Hex })
    return { rpcUrl, chainId, token: TOKEN, accounts, operator, ...toolsOf(client, minter.address), close }
  } catch (error) {
    await close()
    throw error
  }
}
