/**
 * The keys that sign receipts: made when first needed, replaced by `rotate`. Of a key that was replaced only the public half is
 * kept, for as long as there are receipts of it. Nothing here prints a private one.
 */
import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { type Jwks, jwkOf, type PublicJwk, signJws, thumbprint } from './jws.ts'
import type { KeyShelf } from './shelf.ts'

/** Another process may have made a key: what was read is looked at again after this. */
const FRESH_MS = 1_000
const TRIES = 20
/** A key that has signed this long is replaced by the next receipt. */
const SIGNS_FOR_MS = 90 * 86_400_000

/** One sentence for the operator. */
class SigningError extends Error {
  override name = 'SigningError'
}

/** What stands on the shelf. */
interface Kept {
  readonly v: 1
  /** Hides names of connections, in the same way for ever. Hex. */
  readonly secret: string
  /** Newest first; only the first has its private half. */
  readonly keys: readonly (PublicJwk & { readonly d?: string; readonly created: string })[]
}

interface Loaded {
  readonly text: string
  readonly kept: Kept
  readonly signer: KeyObject
  readonly kid: string
  readonly createdMs: number
  readonly atNs: number
}

interface Clock {
  nowMs(): number
  monotonicNs(): number
}

export class SigningKeys {
  readonly #shelf: KeyShelf
  readonly #clock: Clock
  #loaded: Loaded | undefined

  constructor(shelf: KeyShelf, clock: Clock) {
    this.#shelf = shelf
    this.#clock = clock
  }

  /** Compact JWS over exactly this text. @throws SigningError */
  async sign(payload: string): Promise<string> {
    const { createdMs } = await this.#load()
    if (this.#clock.nowMs() - createdMs > SIGNS_FOR_MS) await this.rotate(createdMs)
    const { signer, kid } = await this.#load()
    return signJws(payload, signer, kid)
  }

  async jwks(): Promise<Jwks> {
    return { keys: (await this.#load()).kept.keys.map(jwkOf) }
  }

  /** The same for the same name, and without the secret nobody can tell which name: 16 hex digits. */
  async pseudonym(name: string): Promise<string> {
    const { kept } = await this.#load()
    return createHmac('sha256', Buffer.from(kept.secret, 'hex')).update(name).digest('hex').slice(0, 16)
  }

  /** From now on another key signs; what was signed before can still be checked. Answers its id. With `of`, only where the key is still the one made then. */
  async rotate(of?: number): Promise<string> {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const { text, kept, kid, createdMs } = await this.#load({ anew: true })
      if (of !== undefined && createdMs !== of) return kid
      const old = kept.keys.map(({ d: _, ...known }) => known)
      const next: Kept = { ...kept, keys: [this.#newKey(), ...old] }
      if (await this.#shelf.write(JSON.stringify(next), text)) return (await this.#load({ anew: true })).kid
    }
    throw new SigningError('the keys that sign receipts are being replaced by others at the same time; try again')
  }

  async #load({ anew = false } = {}): Promise<Loaded> {
    const nowNs = this.#clock.monotonicNs()
    if (!anew && this.#loaded !== undefined && nowNs - this.#loaded.atNs < FRESH_MS * 1e6) return this.#loaded
    for (let tried = 0; tried < TRIES; tried += 1) {
      const text = await this.#shelf.read()
      if (text !== undefined) {
        const known = this.#loaded?.text === text ? this.#loaded : loadedFrom(text)
        this.#loaded = { ...known, atNs: nowNs }
        return this.#loaded
      }
      const first: Kept = { v: 1, secret: randomBytes(32).toString('hex'), keys: [this.#newKey()] }
      await this.#shelf.write(JSON.stringify(first), undefined)
    }
    throw new SigningError('the keys that sign receipts can be neither read nor made')
  }

  #newKey(): Kept['keys'][number] {
    const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    return { kty: 'OKP', crv: 'Ed25519', x, d, created: new Date(this.#clock.nowMs()).toISOString() }
  }
}

/** The public keys on a shelf, for whoever only checks; undefined where none were made yet. @throws SigningError */
export async function publicKeys(shelf: KeyShelf): Promise<Jwks | undefined> {
  const text = await shelf.read()
  return text === undefined ? undefined : { keys: loadedFrom(text).kept.keys.map(jwkOf) }
}

/** The text itself is in no error: it holds the key. */
function loadedFrom(text: string): Omit<Loaded, 'atNs'> {
  try {
    const kept = JSON.parse(text) as Kept
    const [first] = kept.keys
    if (kept.v !== 1 || first?.d === undefined || !/^[0-9a-f]{64}$/.test(kept.secret)) throw new Error('not ours')
    const { kty, crv, x, d } = first
    const signer = createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' })
    return { text, kept, signer, kid: thumbprint(first), createdMs: Date.parse(first.created) }
  } catch {
    throw new SigningError(
      'the keys that sign receipts are damaged; restore receipt-keys.*.json of the data folder from a backup, or remove it to have new ones made',
    )
  }
}
