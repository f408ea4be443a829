/** What is the same in every OpenAPI document of a gateway: how to pay, how refusals look, and the gateway's own paths. */
import { refusals } from '#contract'

type Json = Record<string, unknown>

export const reference = (kind: 'parameters' | 'headers' | 'responses' | 'schemas', name: string): Json => ({ $ref: `#/components/${kind}/${name}` })

const text = { type: 'string' }
const amount = { type: 'string', pattern: '^-?\\d+\\.\\d{2,6}$', description: 'Dollars, as a plain decimal number' }
const header = (description: string): Json => ({ description, schema: text })
const problem = (description: string, more: Json = {}): Json => ({
  description,
  ...more,
  content: { 'application/problem+json': { schema: reference('schemas', 'Problem') } },
})
const json = (description: string, schema: Json): Json => ({ description, content: { 'application/json': { schema } } })

export const COMPONENTS: Json = {
  securitySchemes: {
    key: { type: 'http', scheme: 'bearer', description: 'A key with credits: atlas_...' },
    apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key' },
    x402: {
      type: 'apiKey',
      in: 'header',
      name: 'PAYMENT-SIGNATURE',
      description: 'A payment of x402 version 2 for the offer of a 402; X-PAYMENT for version 1',
    },
    wallet: { type: 'apiKey', in: 'header', name: 'SIGN-IN-WITH-X', description: 'A wallet that signs in spends its credits' },
  },
  parameters: {
    IdempotencyKey: {
      ...{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', minLength: 1, maxLength: 255 } },
      description: 'Names the call: the same call under the same name is answered again, not charged again. At least 16 characters where a wallet pays.',
    },
    MaxPrice: {
      ...{ name: 'X-Atlas-Max-Price', in: 'header', required: false, schema: text, example: '$0.20' },
      description: 'A dearer call is refused (402) before anything happens',
    },
  },
  headers: {
    'X-Atlas-Price': header('What was charged: $0.15'),
    'X-Atlas-Units': header('Units that were charged'),
    'X-Atlas-Receipt': header('Id of the signed receipt: GET /receipts/{id}'),
    'X-Atlas-Attribution': header('The credit line that the provider asks for'),
    'PAYMENT-RESPONSE': header('Of a call that was paid by x402: the settlement, base64 JSON'),
    'PAYMENT-REQUIRED': header('The offer of x402 version 2, base64 JSON'),
    'Retry-After': header('Seconds to wait'),
  },
  responses: {
    PaymentRequired: problem('The offer that both versions of x402 read', { headers: { 'PAYMENT-REQUIRED': reference('headers', 'PAYMENT-REQUIRED') } }),
    Problem: problem('Refused; nothing was charged', { headers: { 'Retry-After': reference('headers', 'Retry-After') } }),
  },
  schemas: {
    Problem: {
      type: 'object',
      properties: {
        ...{ type: text, title: text, status: { type: 'integer' }, detail: text, request_id: text, fix: text },
        code: { type: 'string', enum: Object.keys(refusals) },
      },
      required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
    },
    Credits: {
      type: 'object',
      properties: {
        balance: amount,
        entries: {
          type: 'array',
          items: { type: 'object', properties: { at: { type: 'string', format: 'date-time' }, kind: text, amount, receipt: { type: ['string', 'null'] } } },
        },
      },
      required: ['balance', 'entries'],
    },
  },
}

const refused = (...statuses: readonly string[]): Json =>
  Object.fromEntries(statuses.map((status) => [status, reference('responses', status === '402' ? 'PaymentRequired' : 'Problem')]))
const order = {
  oneOf: [
    { type: 'object', properties: { amount: { type: 'string', example: '$15' } }, required: ['amount'] },
    { type: 'object', properties: { api: text, calls: { type: 'integer', minimum: 1 } }, required: ['api', 'calls'] },
  ],
}

/** Of the gateway itself. */
export const OWN_PATHS: Readonly<Record<string, Json>> = {
  '/catalog': {
    get: { operationId: 'catalog', summary: 'Every API and operation on sale', security: [], responses: { 200: json('What is for sale', { type: 'object' }) } },
  },
  '/credits': {
    get: {
      operationId: 'credits',
      summary: 'Balance and statement',
      responses: { 200: json('Balance, newest entries first', reference('schemas', 'Credits')), ...refused('401', '503') },
    },
    post: {
      ...{ operationId: 'buyCredits', summary: 'Buy prepaid calls with one x402 payment' },
      requestBody: { required: true, content: { 'application/json': { schema: order } } },
      responses: {
        200: json('The balance, and for a wallet without a key a new one, shown once', { type: 'object' }),
        ...refused('400', '401', '402', '409', '429', '503'),
      },
    },
  },
  '/credits/key': {
    post: {
      operationId: 'createKey',
      summary: "A key for the signed-in wallet's balance",
      responses: { 200: json('The key, shown once', { type: 'object' }), ...refused('401', '402', '503') },
    },
  },
  '/receipts/{id}': {
    get: {
      ...{ operationId: 'receipt', summary: 'The signed receipt of a charged call', security: [] },
      parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
      responses: { 200: { description: 'The receipt; GET /.well-known/jwks.json has the keys to check it' }, ...refused('404', '503') },
    },
  },
}
