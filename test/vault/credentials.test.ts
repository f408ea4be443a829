/** A credential stands in exactly one place of a request, and nowhere else: it is never printed, listed or returned. */

import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { CredentialPlace } from '../../gateway/contract/index.ts'
import { Credentials, type Outgoing } from '../../gateway/vault/index.ts'
import { seedOf } from '../rig/random.ts'

const SECRET = 'nsk_5ecret-credential'
const places: readonly CredentialPlace[] = [
  { in: 'header', name: 'X-Key' },
  { in: 'query', name: 'api key' },
  { in: 'path' },
  { in: 'bearer' },
  { in: 'basic' },
]

function credentialsWith(secret: string): Credentials {
  const credentials = new Credentials()
  credentials.set(new Map([['nansen', secret]]))
  return credentials
}

function placed(where: CredentialPlace, secret = SECRET, path = '/v1/a?b=c', base = '/v1'): Outgoing {
  const request: Outgoing = { path, headers: ['accept', '*/*'] }
  credentialsWith(secret).place('nansen', where, request, base)
  return request
}

t.test('each place is the one that the provider asks for, and the rest of the request stays as it was', async (t) => {
  const headers = ['accept', '*/*']
  t.strictSame(placed({ in: 'header', name: 'X-Key' }), { path: '/v1/a?b=c', headers: [...headers, 'X-Key', SECRET] })
  t.strictSame(placed({ in: 'bearer' }), { path: '/v1/a?b=c', headers: [...headers, 'authorization', `Bearer ${SECRET}`] })
  t.strictSame(placed({ in: 'basic' }, 'user:pass'), { path: '/v1/a?b=c', headers: [...headers, 'authorization', 'Basic dXNlcjpwYXNz'] })
  t.strictSame(placed({ in: 'query', name: 'api key' }), { path: `/v1/a?b=c&api%20key=${SECRET}`, headers })
  t.strictSame(placed({ in: 'query', name: 'k' }, SECRET, '/v1/a'), { path: `/v1/a?k=${SECRET}`, headers })
  t.strictSame(placed({ in: 'path' }), { path: `/v1/${SECRET}/a?b=c`, headers })
  t.strictSame(placed({ in: 'path' }, SECRET, '/a', ''), { path: `/${SECRET}/a`, headers })
  t.strictSame(placed({ in: 'path' }, 'a/$&b', '/v1/usage/{credential}'), { path: '/v1/usage/a%2F%24%26b', headers }, 'where our own files name it')
  t.strictSame(placed({ in: 'none' }), { path: '/v1/a?b=c', headers })
})

t.test('whatever the credential is, it stands in one place, and adds nothing else to the request', async () => {
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.string({ unit: 'grapheme', minLength: 1 }), (where, secret) => {
      const { path, headers } = placed(where, secret)
      const url = new URL(`http://provider.example${path}`)
      const added = headers.slice(2)
      switch (where.in) {
        case 'query':
          return added.length === 0 && url.searchParams.getAll('api key').join() === secret && url.searchParams.get('b') === 'c' && url.pathname === '/v1/a'
        case 'path':
          return added.length === 0 && path === `/v1/${encodeURIComponent(secret)}/a?b=c`
        default:
          return path === '/v1/a?b=c' && added.length === 2
      }
    }),
    { seed: seedOf(t), numRuns: 2000 },
  )
})

t.test('a connection without a credential is an error that names the connection only; `none` needs none', async (t) => {
  const credentials = credentialsWith(SECRET)
  const request: Outgoing = { path: '/a', headers: [] }
  for (const where of places) t.throws(() => credentials.place('kaito', where, request, ''), { message: 'connection kaito has no credential' })
  credentials.place('kaito', { in: 'none' }, request, '')
  t.strictSame(request, { path: '/a', headers: [] })
})

t.test('new credentials replace those of the same connections, and others keep theirs', async (t) => {
  const credentials = credentialsWith('old')
  credentials.set(new Map([['kaito', 'other']]))
  credentials.set(new Map([['nansen', 'new']]))
  const of = (connection: string): string => {
    const request: Outgoing = { path: '/a', headers: [] }
    credentials.place(connection, { in: 'bearer' }, request, '')
    return request.headers[1] as string
  }
  t.strictSame([of('nansen'), of('kaito')], ['Bearer new', 'Bearer other'])
  t.strictSame([credentials.has('nansen'), credentials.has('nobody')], [true, false])
})

t.test('no way of printing or walking the credentials shows one', async (t) => {
  const credentials = credentialsWith(SECRET)
  const views = [
    ...[
      JSON.stringify(credentials),
      JSON.stringify({ credentials }),
      String(credentials),
      `${inspect(credentials, { showHidden: true, depth: 10, getters: true })}`,
    ],
    ...[JSON.stringify(Object.entries(credentials)), JSON.stringify(Object.getOwnPropertyNames(credentials)), Reflect.ownKeys(credentials).join()],
    inspect(Object.getOwnPropertyDescriptors(credentials), { showHidden: true, depth: 10 }),
  ]
  for (const view of views) t.notMatch(view, SECRET, view)
  t.strictSame(Reflect.ownKeys(credentials), [])
  t.throws(() => structuredClone({ place: credentials.place }), 'nor can it be sent elsewhere')
  t.strictSame(structuredClone(credentials), {})
})
