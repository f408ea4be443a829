/** A receipt is taken only byte for byte as it was signed; whatever else is there is refused in one sentence. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { jwkOf, type Jwks, signJws } from '../../gateway/vault/jws.ts'
import { checkReceipt, readReceiptText } from '../../gateway/vault/index.ts'
import { seedOf } from '../rig/random.ts'

interface Key {
  readonly key: KeyObject
  readonly kid: string
  readonly jwks: Jwks
}

function newKey(): Key {
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const { x = '' } = key.export({ format: 'jwk' })
  const jwk = jwkOf({ kty: 'OKP', crv: 'Ed25519', x })
  return { key, kid: jwk.kid, jwks: { keys: [jwk] } }
}

const ours = newKey()
const payload = {
  receipt: 'rc_lq1abc0123456789abcdef',
  units: 2,
  price: '0.15',
  split: { owner_share: '0.135', platform_share: '0.015' },
  iss: 'https://a.example',
}
const jws = signJws(JSON.stringify(payload), ours.key, ours.kid)
const answer = JSON.stringify({ receipt: payload, jws })

const encoded = (text: string): string => Buffer.from(text).toString('base64url')

/** A JWS with any head and body, signed all the same. */
function forged(head: string, body: string, { key }: Key = ours): string {
  const signed = `${encoded(head)}.${encoded(body)}`
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

function wrongOf(text: string, jwks: Jwks = ours.jwks): string | undefined {
  const read = readReceiptText(text)
  if ('wrong' in read) return read.wrong
  const checked = checkReceipt(read, jwks)
  return 'wrong' in checked ? checked.wrong : undefined
}

t.test('a receipt is taken as JSON, as JSON with white space, and as compact JWS', async (t) => {
  for (const text of [answer, `${answer}\n`, JSON.stringify({ receipt: payload, jws }, null, 2), jws, `${jws}\n`, `${jws}\r\n`])
    t.equal(wrongOf(text), undefined)
})

t.test('a changed byte anywhere is noticed', async (t) => {
  const seed = seedOf(t)
  for (const text of [answer, jws]) {
    for (let at = 0; at < text.length; at += 1) {
      const bytes = Buffer.from(text)
      bytes[at] = (bytes[at] as number) ^ 1
      if (wrongOf(bytes.toString('latin1')) === undefined) t.fail(`byte ${at} may be another one`)
    }
  }
  fc.assert(
    fc.property(fc.constantFrom(answer, jws), fc.nat(), fc.integer({ min: 0, max: 255 }), (text, index, byte) => {
      const bytes = Buffer.from(text)
      const at = index % bytes.length
      fc.pre(bytes[at] !== byte)
      bytes[at] = byte
      return wrongOf(bytes.toString('latin1')) !== undefined
    }),
    { numRuns: 5_000, seed },
  )
})

t.test('a receipt that is longer or shorter by a byte is noticed', async (t) => {
  for (const text of [answer, jws])
    for (const other of [text.slice(1), text.slice(0, -1), `${text}A`, `A${text}`, `${text}=`, `${text}.`]) t.type(wrongOf(other), 'string')
})

const HEAD = { alg: 'EdDSA', typ: 'atlas-receipt+jws', kid: ours.kid }
const BODY = JSON.stringify(payload)

t.test('no other algorithm, type, key or head is taken, however well it is signed', async (t) => {
  const cases: readonly [head: object, sentence: RegExp][] = [
    [{ ...HEAD, alg: 'none' }, /says algorithm none; only EdDSA is taken/],
    [{ ...HEAD, alg: 'HS256' }, /says algorithm HS256/],
    [{ ...HEAD, alg: 'ES256' }, /says algorithm ES256/],
    [{ ...HEAD, alg: 'eddsa' }, /says algorithm eddsa/],
    [{ ...HEAD, typ: 'JWT' }, /is of type JWT/],
    [{ ...HEAD, kid: 'another' }, /signed by the key another, which is not among those given/],
    [{ ...HEAD, jwk: ours.jwks.keys[0] }, /other members than alg, typ and kid/],
    [{ ...HEAD, crit: ['exp'] }, /other members/],
    [{ typ: HEAD.typ, alg: 'EdDSA', kid: ours.kid }, /other members/],
  ]
  for (const [head, sentence] of cases) t.match(wrongOf(forged(JSON.stringify(head), BODY)), sentence)
  t.match(wrongOf(`${encoded(JSON.stringify({ ...HEAD, alg: 'none' }))}.${encoded(BODY)}.`), /no compact JWS of three parts/)
  t.match(wrongOf(forged(JSON.stringify(HEAD), BODY, newKey())), /the signature does not fit/)
  t.match(wrongOf(answer, newKey().jwks), /not among those given/)
  t.match(wrongOf(answer, { keys: [] }), /not among those given/)
})

t.test('members that stand twice are refused, in head, body and file', async (t) => {
  const twiceHead = JSON.stringify(HEAD).replace('{', '{"alg":"none",')
  t.match(wrongOf(forged(twiceHead, BODY)), /head of the signature is not written/)
  t.match(wrongOf(forged(JSON.stringify(HEAD), BODY.replace('{', '{"price":"9.00",'))), /what is signed is not written/)
  t.match(wrongOf(answer.replace('{', `{"jws":"${jws}",`)), /a member may stand there twice/)
  t.match(wrongOf(answer.replace('"price"', '"price":"9.00","price"')), /a member may stand there twice/)
})

t.test('receipt and signature have to agree, to the order of members', async (t) => {
  const said = (receipt: unknown): string | undefined => wrongOf(JSON.stringify({ receipt, jws }))
  t.match(said({ ...payload, price: '0.16' }), /^receipt and signature do not agree: price is not what was signed$/)
  t.match(said({ ...payload, split: { ...payload.split, owner_share: '1.00' } }), /: split is not/)
  t.match(said({ ...payload, more: 1 }), /: more is not/)
  const { units, ...rest } = payload
  t.match(said({ ...rest, units }), /the order of members/)
  t.match(said(undefined), /no receipt/)
  t.match(wrongOf(JSON.stringify({ receipt: payload })), /no jws/)
  t.match(wrongOf(JSON.stringify({ receipt: payload, jws, other: 1 })), /other members/)
})

t.test('what is too large, or no receipt at all, is refused', async (t) => {
  t.match(wrongOf(`{${' '.repeat(300_000)}}`), /longer than/)
  t.match(wrongOf(signJws(JSON.stringify({ ...payload, long: 'x'.repeat(20_000) }), ours.key, ours.kid)), /longer than/)
  for (const text of ['', '{}', '[]', 'null', '{"a":', 'hello world', '{"receipt":{},"jws":1}', '{"receipt":null,"jws":"a.b.c"}'])
    t.type(wrongOf(text), 'string', text)
})
