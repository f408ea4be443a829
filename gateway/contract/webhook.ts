/**
 * Who is told by a POST, and what it is signed with: the symmetric scheme of Standard Webhooks 1.0 (standardwebhooks.com), HMAC-SHA256 over
 * id, time and body, so that a receiver knows who sent it, that nothing was changed, and that it is not an old one sent again.
 */
import { createHash, createHmac } from 'node:crypto'

export interface Webhook {
  readonly url: string
  /** Undefined: what is sent there is not signed. */
  readonly key: WebhookKey | undefined
  /** NAME where the secret is `vault:NAME`. */
  readonly vaultEntry?: string
}

/** Two are one where both members are. */
export const webhookId = ({ url, key }: Webhook): string => `${url} ${key?.fingerprint ?? ''}`

const PREFIX = 'whsec_'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const LEAST_BYTES = 24
const MOST_BYTES = 64

/** The bytes are in nothing that prints, copies or counts members. */
export class WebhookKey {
  /** Tells one key from another, and nothing else of it. */
  readonly fingerprint: string
  readonly #bytes: Buffer

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.fingerprint = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  }

  /** `whsec_` and 24 to 64 bytes in base64; undefined where it is something else. */
  static from(secret: string): WebhookKey | undefined {
    const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : ''
    const bytes = Buffer.from(text, 'base64')
    return BASE64.test(text) && bytes.length >= LEAST_BYTES && bytes.length <= MOST_BYTES ? new WebhookKey(bytes) : undefined
  }

  /** The fields of one request: `webhook-id` is the same each time it is tried, the time is that of the try, in seconds. */
  fields(id: string, atMs: number, body: string): Readonly<Record<string, string>> {
    const seconds = String(Math.floor(atMs / 1e3))
    const signature = createHmac('sha256', this.#bytes).update(`${id}.${seconds}.${body}`).digest('base64')
    return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` }
  }
}
