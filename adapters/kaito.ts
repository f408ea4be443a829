/**
 * Kaito: attention on X. The one public endpoint is Yaps, which Kaito announced as sunset on 2026-01-15;
 * whether it still answers is not known. Mindshare and sentiment have no public reference, so nothing of them is offered here:
 * who has a contract lists its endpoints under `operations` of the connection.
 */
import { defineAdapter } from '#contract'

export default defineAdapter({
  name: 'kaito',
  title: 'Kaito',
  category: 'Social attention',
  docs: 'https://docs.kaito.ai',
  baseUrl: 'https://api.kaito.ai/api/v1',
  // The public endpoint asks for none.
  credential: { in: 'none' },
  quota: { unit: 'call', resets: 'billing-day', typical: [5_000, 20_000], source: 'docs.kaito.ai, Yaps Open Protocol: a free call', checked: '2026-11-23' },
  subscriptionCostUsd: '200',
  // Headers that tell them are not known. Stated as 100 in five minutes.
  rateLimit: { perMinute: 20 },
  terms: { source: 'docs.kaito.ai, Yaps Open Protocol: says nothing of resale', checked: '2026-11-23', caching: 'not-found' },
  operations: [
    {
      id: 'yaps',
      method: 'GET',
      path: '/yaps',
      description: 'Attention score of an X account. Kaito announced the end of this product for 2026-01-15.',
      units: 1,
      query: { user_id: { type: 'string', pattern: '^[0-9]{1,20}$' }, username: { type: 'string', pattern: '^[A-Za-z0-9_]{1,15}$' } },
      requiredAny: ['user_id', 'username'],
      resale: 'ask',
      example: { query: { username: 'someone' } },
      answer: { type: 'object', required: ['user_id', 'username', 'yaps_all'] },
      sample: {
        user_id: '123',
        username: 'someone',
        yaps_all: 357.1,
        yaps_l24h: 0,
        yaps_l48h: 0,
        yaps_l7d: 12.5,
        yaps_l30d: 57.1,
        yaps_l3m: 157.1,
        yaps_l6m: 357.1,
        yaps_l12m: 357.1,
      },
    },
  ],
  // No error is documented; clients look for `message`, also in what looks like a success, and for answers that are no JSON.
  failures: [
    { status: '2xx', bodyHas: '<html', means: 'provider-down' },
    { status: '2xx', bodyMember: 'message', means: 'unknown', sample: { message: 'something went wrong' }, standIn: true },
    { status: 400, means: 'bad-request', sample: { message: 'user_id or username is required' }, standIn: true },
  ],
})
