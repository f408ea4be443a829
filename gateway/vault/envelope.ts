/**
 * Envelope encryption, AES-256-GCM (NIST SP 800-38D): each secret under a data key of its own, the data key under the master key. What is
 * authenticated beside a ciphertext says whose it is, so that it opens at its own place only. Here are bytes; vault-file.ts says how they are kept.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/** Base64url each. */
export interface Box {
  readonly iv: string
  readonly data: string
  readonly tag: string
}

export const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const ID_BYTES = 8
/** What is kept is as long as the next of these, so that its length says little of the secret's. */
const STEP_BYTES = 256
const LENGTH_BYTES = 2
export const MOST_SECRET_BYTES = 4096

function lock(key: Buffer, plain: Buffer, whose: string): Box {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(whose))
  const data = Buffer.concat([cipher.update(plain), cipher.final()])
  return { iv: iv.toString('base64url'), data: data.toString('base64url'), tag: cipher.getAuthTag().toString('base64url') }
}

/** In memory of its own, for the caller to clear; undefined where anything about it is not what was locked. */
function unlock(key: Buffer, box: Box, whose: string): Buffer | undefined {
  const [iv, data, tag] = [box.iv, box.data, box.tag].map((text) => Buffer.from(text, 'base64url')) as [Buffer, Buffer, Buffer]
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(whose)).setAuthTag(tag)
  const plain = decipher.update(data)
  try {
    decipher.final()
    return plain
  } catch {
    plain.fill(0)
    return undefined
  }
}

const derived = (key: Buffer, purpose: string, bytes = KEY_BYTES): Buffer => Buffer.from(hkdfSync('sha256', key, '', `atlas vault 1: ${purpose}`, bytes))

/** Sixteen hex digits that tell keys apart and nothing about them. */
const idOf = (key: Buffer, kind: 'master key' | 'data key'): string => derived(key, `id of a ${kind}`, ID_BYTES).toString('hex')

/** The bytes stay the caller's. */
export const masterKeyId = (bytes: Buffer): string => idOf(bytes, 'master key')

/** Never used itself: for each purpose a key is derived from it (RFC 5869), and its own bytes are cleared. */
export class MasterKey {
  readonly id: string
  readonly #wrapping: Buffer
  readonly #sealing: Buffer

  /** Takes the bytes and clears them. */
  constructor(bytes: Buffer) {
    this.id = masterKeyId(bytes)
    this.#wrapping = derived(bytes, 'wrapping')
    this.#sealing = derived(bytes, 'sealing')
    bytes.fill(0)
  }

  wrap(dataKey: Buffer, whose: string): Box {
    return lock(this.#wrapping, dataKey, whose)
  }

  unwrap(box: Box, whose: string): Buffer | undefined {
    return unlock(this.#wrapping, box, whose)
  }

  /** Over the whole vault, so that nothing in it can be left out, or put back from an older one. */
  seal(text: string): string {
    return createHmac('sha256', this.#sealing).update(text).digest('base64url')
  }

  sealed(text: string, seal: string): boolean {
    const [expected, found] = [Buffer.from(this.seal(text)), Buffer.from(seal)]
    return expected.length === found.length && timingSafeEqual(expected, found)
  }

  clear(): void {
    this.#wrapping.fill(0)
    this.#sealing.fill(0)
  }
}

/** A secret at rest. */
export interface Envelope {
  readonly data_key: Box & { readonly id: string }
  readonly secret: Box
}

/** Whose a ciphertext is: it opens for exactly this name and version. */
export interface Owner {
  readonly name: string
  readonly version: number
}

const secretOf = ({ name, version }: Owner, dataKeyId: string): string => JSON.stringify(['atlas vault secret', 1, name, version, dataKeyId])
const dataKeyOf = ({ name, version }: Owner, dataKeyId: string, masterKeyId: string): string =>
  JSON.stringify(['atlas vault data key', 1, name, version, dataKeyId, masterKeyId])

/** Under a new data key. The secret stays the caller's. */
export function close(secret: Buffer, owner: Owner, master: MasterKey): Envelope {
  if (secret.length === 0 || secret.length > MOST_SECRET_BYTES) throw new RangeError('a secret of this length is not kept')
  const dataKey = randomBytes(KEY_BYTES)
  const padded = Buffer.alloc(Math.ceil((LENGTH_BYTES + secret.length) / STEP_BYTES) * STEP_BYTES)
  try {
    padded.writeUInt16BE(secret.length)
    secret.copy(padded, LENGTH_BYTES)
    const id = idOf(dataKey, 'data key')
    return { data_key: { id, ...master.wrap(dataKey, dataKeyOf(owner, id, master.id)) }, secret: lock(dataKey, padded, secretOf(owner, id)) }
  } finally {
    padded.fill(0)
    dataKey.fill(0)
  }
}

/** The secret, for the caller to clear; undefined where the envelope is another one's, or another key's, or was altered. */
export function open({ data_key, secret }: Envelope, owner: Owner, master: MasterKey): Buffer | undefined {
  const dataKey = master.unwrap(data_key, dataKeyOf(owner, data_key.id, master.id))
  if (dataKey === undefined) return undefined
  const padded = dataKey.length === KEY_BYTES && idOf(dataKey, 'data key') === data_key.id ? unlock(dataKey, secret, secretOf(owner, data_key.id)) : undefined
  dataKey.fill(0)
  if (padded === undefined) return undefined
  const length = padded.length < LENGTH_BYTES ? 0 : padded.readUInt16BE()
  const plain = length === 0 || LENGTH_BYTES + length > padded.length ? undefined : Buffer.alloc(length)
  if (plain !== undefined) padded.copy(plain, 0, LENGTH_BYTES, LENGTH_BYTES + length)
  padded.fill(0)
  return plain
}

/** The same data key under another master key; undefined where it does not open. */
export function rewrap(envelope: Envelope, owner: Owner, keys: { readonly from: MasterKey; readonly to: MasterKey }): Envelope | undefined {
  const { id } = envelope.data_key
  const dataKey = keys.from.unwrap(envelope.data_key, dataKeyOf(owner, id, keys.from.id))
  if (dataKey === undefined) return undefined
  const wrapped = keys.to.wrap(dataKey, dataKeyOf(owner, id, keys.to.id))
  dataKey.fill(0)
  return { data_key: { id, ...wrapped }, secret: envelope.secret }
}
