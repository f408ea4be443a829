/** Buyers without an account: the official client pays calls one by one, and buys credits, with play money. */
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { parseUsd, usd } from '#contract'
import { payingFetch } from '../rig/client.ts'
import { type Call, codeIn, digestOf, type Spender, type Status, type Told } from './calls.ts'
import { NANSEN_CALL, nansenBody } from './habits.ts'

/** A wallet begins with $100; long before it is spent another one takes its place. */
const CALLS_A_WALLET = 400
const WALLETS = 6
const PURCHASE = usd('$0.5')
const JSON_BODY = { 'content-type': 'application/json' }

interface Buyer {
  readonly fetch: typeof fetch
  left: number
}

const newBuyer = (): Buyer => ({ fetch: payingFetch({ privateKey: generatePrivateKey() }), left: CALLS_A_WALLET })

export class Wallets {
  readonly #buyers = Array.from({ length: WALLETS }, newBuyer)

  /** A call that is paid as it is made. */
  async pay(url: string, number: number, life: number): Promise<Call> {
    const at = number % WALLETS
    const buyer = this.#buyers[at] as Buyer
    buyer.left -= 1
    if (buyer.left === 0) this.#buyers[at] = newBuyer()
    const body = nansenBody(number)
    const { told } = await bought(buyer.fetch, `${url}${NANSEN_CALL}`, body)
    const asked = { number, kind: 'wallet', spender: undefined, method: 'POST', path: NANSEN_CALL, body, name: undefined, headers: {}, units: 1 }
    return { ...asked, leavesAfterMs: undefined, ...told, life }
  }

  /** Credits for a wallet of its own; whoever has bought them spends them by the key that came with them. */
  async buy(url: string): Promise<{ told: Told; buyer: Spender | undefined }> {
    const privateKey = generatePrivateKey()
    const { told, text } = await bought(payingFetch({ privateKey }), `${url}/credits`, '{"amount":"$0.5"}')
    if (told.status !== 200 || !told.whole) return { told, buyer: undefined }
    const { id, key } = JSON.parse(text) as { id: string; key: string }
    const account = `wallet:${privateKeyToAccount(privateKey).address.toLowerCase()}`
    return { told, buyer: { id, key, account, credits: PURCHASE } }
  }
}

async function bought(by: typeof fetch, url: string, body: string): Promise<{ told: Told; text: string }> {
  const told: Told = { status: 'open', code: undefined, receipt: undefined, price: undefined, digest: '', replayed: false, whole: false, left: false }
  let text = ''
  try {
    const response = await by(url, { method: 'POST', headers: JSON_BODY, body })
    const { status, headers } = response
    Object.assign(told, {
      ...{ status, receipt: headers.get('x-atlas-receipt') ?? undefined, price: parseUsd(headers.get('x-atlas-price') ?? '') },
    })
    text = await response.text()
    Object.assign(told, { whole: true, digest: digestOf(text), ...(status >= 400 ? { code: codeIn(text) } : {}) })
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } }
    if (told.status === 'open' && cause?.code === 'ECONNREFUSED') told.status = 'down' satisfies Status
  }
  return { told, text }
}
