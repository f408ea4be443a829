/** Who asked for recorded calls, and how they paid. */
import type { Consumer, Payment, Usd } from '#contract'
import type { KeyNow, RecordedHead } from './recorded.ts'
import type { SoldSaid, UnchargedSaid } from './said.ts'

/** Who asked and how it is paid for; undefined where nobody pays. */
export interface Payer {
  readonly consumer: Consumer
  readonly payment: Payment | undefined
}

/** Says only that somebody has paid: how much is decided by the price. */
const PAYMENT = { payer: '0x', amount: 0n as Usd } as Payment

const KEY = 'key:'
const WALLET = 'wallet:'

/** Who asked for recorded calls: the same objects for the same consumers. */
export class Payers {
  readonly #keys: ReadonlyMap<string, KeyNow>
  readonly #known = new Map<string, Payer>()

  constructor({ keys }: RecordedHead) {
    this.#keys = new Map(keys.map((key) => [`${KEY}${key.id}`, key]))
  }

  /** Undefined where nobody paid, or it is not known who. */
  of(said: SoldSaid | UnchargedSaid): Payer | undefined {
    const by = said.t === 'c' ? said.by : ''
    const id = said.consumer
    const known = this.#known.get(`${by} ${id}`)
    if (known !== undefined) return known
    const payer = said.t === 'c' ? this.#sold(said) : this.#uncharged(id)
    if (payer !== undefined && by !== 'owner') this.#known.set(`${by} ${id}`, payer)
    return payer
  }

  #sold({ consumer: id, by, account, owner }: SoldSaid): Payer {
    if (by === 'owner') return { consumer: { kind: 'owner', id, keyId: id.slice(KEY.length), owner }, payment: undefined }
    const payment = by === 'x402' ? PAYMENT : undefined
    if (id.startsWith(KEY)) return { consumer: this.#key(id, account), payment }
    const wallet = id.slice(WALLET.length)
    return { consumer: by === 'x402' ? { kind: 'wallet', id, wallet } : { kind: 'signed', id, wallet, account }, payment }
  }

  #key(id: string, account: string): Consumer {
    const { capPerDay, capPerMonth } = this.#keys.get(id) ?? {}
    return {
      ...{ kind: 'key', id, keyId: id.slice(KEY.length), account },
      ...(capPerDay === undefined ? {} : { capPerDay: BigInt(capPerDay) as Usd }),
      ...(capPerMonth === undefined ? {} : { capPerMonth: BigInt(capPerMonth) as Usd }),
    }
  }

  /** How it would have been paid is not recorded: keys by their credits, wallets call by call. */
  #uncharged(id: string): Payer | undefined {
    const key = this.#keys.get(id)
    if (key?.owner !== undefined) return { consumer: { kind: 'owner', id, keyId: key.id, owner: key.owner }, payment: undefined }
    if (id.startsWith(KEY)) return { consumer: this.#key(id, key?.account ?? id), payment: undefined }
    return id.startsWith(WALLET) ? { consumer: { kind: 'wallet', id, wallet: id.slice(WALLET.length) }, payment: PAYMENT } : undefined
  }
}
