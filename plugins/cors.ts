/** Browsers: which pages may read the answers, and what they may send. Never with cookies: who pays says so in the request. */
import { definePlugin } from '#contract'

/** What a consumer may send; Access-Control-Expose-Headers the official client sends although it is an answer's. */
const ALLOWED = [
  'Content-Type, Accept, Authorization, X-API-Key, Idempotency-Key, X-Atlas-Max-Price',
  'PAYMENT-SIGNATURE, X-PAYMENT, SIGN-IN-WITH-X, Access-Control-Expose-Headers, Mcp-Protocol-Version, Mcp-Session-Id',
].join(', ')
/** What a page may read (x402 HTTP transports v1 and v2). */
const EXPOSED = [
  'PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Allow',
  'X-Atlas-Price, X-Atlas-Units, X-Atlas-Receipt, X-Atlas-Replayed, X-Atlas-Attribution, X-Atlas-Credit, X-Atlas-Low-Balance, Mcp-Session-Id',
].join(', ')

export default definePlugin({
  name: 'cors',
  describe: 'Lets pages of other origins call the gateway, so that a browser can pay',
  settings: {
    origins: { type: 'strings', default: '*', describe: 'Origins whose pages may read answers, such as https://app.example; * for all' },
    max_age: { type: 'duration', default: '600s', describe: 'How long a browser may remember what it may send' },
  },
  create: ({ origins, max_age }) => {
    for (const origin of origins) {
      if (origin !== '*' && (!URL.canParse(origin) || new URL(origin).origin !== origin))
        throw new Error(`cors: ${origin} is no origin; expected one such as https://app.example, without a path, or *`)
    }
    const all = origins.includes('*')
    const allowed = new Set(origins)
    const vary = all ? [] : ['Vary', 'Origin']
    return {
      cors: ({ origin, preflight }) => {
        if (!all && !allowed.has(origin)) return vary
        const read = ['Access-Control-Allow-Origin', all ? '*' : origin, ...vary]
        if (!preflight) return [...read, 'Access-Control-Expose-Headers', EXPOSED]
        const methods = 'GET, POST, PUT, PATCH, DELETE, HEAD'
        const seconds = String(Math.floor(max_age / 1000))
        return [...read, 'Access-Control-Allow-Methods', methods, 'Access-Control-Allow-Headers', ALLOWED, 'Access-Control-Max-Age', seconds]
      },
    }
  },
})
