/** Kaito: one public endpoint without a credential; nothing else is documented, and nothing else is here. */
import type { ProviderScript } from './account.ts'

const yaps = { yaps_all: 357.1, yaps_l24h: 0, yaps_l48h: 0, yaps_l7d: 12.5, yaps_l30d: 57.1, yaps_l3m: 157.1, yaps_l6m: 357.1, yaps_l12m: 357.1 }

export const kaito: ProviderScript = {
  name: 'kaito',
  key: '',
  admitted: ({ pathname }) => pathname,
  answer: ({ method, path, query }) =>
    method === 'GET' && path === '/yaps'
      ? { takes: 1, body: { user_id: query.get('user_id') ?? '123', username: query.get('username') ?? 'x', ...yaps } }
      : undefined,
  unauthorized: { status: 401, body: { message: 'none' }, shown: 'upstream_error' },
  failures: {
    'a bad request': { status: 400, body: { message: 'user_id or username is required' }, standIn: true, billed: true, shown: 'as it is' },
    'nothing found': { status: 404, body: { message: 'not found' }, standIn: true, billed: true, shown: 'as it is' },
    'an error in a success': { status: 200, body: { message: 'something went wrong' }, standIn: true, billed: true, shown: 'upstream_error' },
    'a page in place of JSON': {
      status: 200,
      body: '<!doctype html><html>This product has ended</html>',
      standIn: true,
      billed: true,
      shown: 'upstream_error',
    },
    'an error of the server': { status: 500, body: 'oops', standIn: true, billed: true, shown: 'upstream_error' },
  },
  limited: { 'more than 100 in five minutes': { status: 429, body: { message: 'too many' }, standIn: true, billed: true, shown: 'upstream_error' } },
}
