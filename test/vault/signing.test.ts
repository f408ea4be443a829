/** Keys that sign receipts: made once, replaced without losing what they signed, and printed nowhere. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { readJws, thumbprint } from '../../gateway/vault/jws.ts'
import { FileShelf, type KeyShelf, publicKeys, SigningKeys } from '../../gateway/vault/index.ts'
import { temporaryFolder, type Teardown } from '../rig/folder.ts'
import { ScriptedClock } from '../rig/scripted.ts'

function keysIn(t: Teardown, folder = temporaryFolder(t)): { folder: string; clock: ScriptedClock; keys: SigningKeys; shelf: FileShelf } {
  const clock = new ScriptedClock()
  const shelf = new FileShelf(folder)
  return { folder, clock, shelf, keys: new SigningKeys(shelf, clock) }
}

const PAYLOAD = JSON.stringify({ receipt: 'rc_1', price: '0.15' })
const filesOf = (folder: string): string[] => readdirSync(folder).filter((name) => name.includes('keys'))

t.test('the example of RFC 7638 for Ed25519 (RFC 8037 appendix A.3) has its thumbprint', async (t) => {
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
  t.equal(thumbprint({ kty: 'OKP', crv: 'Ed25519', x }), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})

t.test('keys are made when first needed, in a file that only its owner reads, and are the same afterwards', async (t) => {
  const { folder, clock, keys, shelf } = keysIn(t)
  t.equal(await publicKeys(shelf), undefined, 'looking makes none')
  const jws = await keys.sign(PAYLOAD)
  t.strictSame(filesOf(folder), ['receipt-keys.1.json'])
  t.equal(statSync(join(folder, 'receipt-keys.1.json')).mode & 0o777, 0o600)
  const later = new SigningKeys(new FileShelf(folder), clock)
  t.strictSame(readJws(jws, await later.jwks()), { payload: JSON.parse(PAYLOAD), kid: (await keys.jwks()).keys[0]?.kid })
  t.equal(await later.sign(PAYLOAD), jws, 'Ed25519 signs the same in the same way')
  t.equal(await later.pseudonym('nansen'), await keys.pseudonym('nansen'))
})

t.test('what was signed before a rotation can still be checked, and the old private key is gone', async (t) => {
  const { folder, keys } = keysIn(t)
  const before = await keys.sign(PAYLOAD)
  const old = (JSON.parse(readFileSync(join(folder, 'receipt-keys.1.json'), 'utf8')) as { keys: { d: string }[] }).keys[0]?.d ?? 'none'
  const name = await keys.pseudonym('nansen')
  const kid = await keys.rotate()
  const after = await keys.sign(PAYLOAD)
  const jwks = await keys.jwks()
  t.equal(jwks.keys.length, 2)
  t.equal(jwks.keys[0]?.kid, kid)
  t.match(readJws(before, jwks), { payload: { receipt: 'rc_1' } })
  t.match(readJws(after, jwks), { kid })
  t.equal(await keys.pseudonym('nansen'), name, 'a connection keeps its pseudonym')
  t.strictSame(filesOf(folder), ['receipt-keys.2.json'])
  t.notMatch(readFileSync(join(folder, 'receipt-keys.2.json'), 'utf8'), old)
})

t.test('a key signs for 90 days; then it is replaced once, by whichever process signs first', async (t) => {
  const { folder, clock, keys } = keysIn(t)
  const others = [keys, ...Array.from({ length: 3 }, () => new SigningKeys(new FileShelf(folder), clock))]
  const before = await keys.sign(PAYLOAD)
  clock.pass(90 * 86_400_000)
  t.equal(await keys.sign(PAYLOAD), before)
  clock.pass(1_000)
  const after = await Promise.all(others.map((one) => one.sign(PAYLOAD)))
  t.equal(new Set([before, ...after]).size, 2)
  const jwks = await keys.jwks()
  t.equal(jwks.keys.length, 2)
  for (const jws of [before, ...after]) t.match(readJws(jws, jwks), { payload: { receipt: 'rc_1' } })
})

t.test('another process sees a rotation within a second', async (t) => {
  const { folder, clock, keys } = keysIn(t)
  const other = new SigningKeys(new FileShelf(folder), clock)
  await other.sign(PAYLOAD)
  const kid = await keys.rotate()
  clock.pass(1_000)
  t.equal((await other.jwks()).keys[0]?.kid, kid)
  t.match(readJws(await other.sign(PAYLOAD), await other.jwks()), { kid })
})

t.test('processes that make or replace keys at once agree, and lose none', async (t) => {
  const folder = temporaryFolder(t)
  const all = Array.from({ length: 4 }, () => keysIn(t, folder).keys)
  const first = await Promise.all(all.map((keys) => keys.jwks()))
  t.equal(new Set(first.map(({ keys }) => keys[0]?.kid)).size, 1)
  const kids = await Promise.all(all.map((keys) => keys.rotate()))
  const known = (await publicKeys(new FileShelf(folder)))?.keys.map(({ kid }) => kid) ?? []
  t.equal(known.length, 5)
  t.ok(kids.every((kid) => known.includes(kid)))
})

t.test('a shelf is written only by whoever read what stands there', async (t) => {
  const { shelf } = keysIn(t)
  t.equal(await shelf.write('one', 'something'), false)
  t.equal(await shelf.write('one', undefined), true)
  t.equal(await shelf.write('two', undefined), false)
  t.equal(await shelf.write('two', 'one'), true)
  t.equal(await shelf.write('three', 'one'), false)
  t.equal(await shelf.read(), 'two')
})

t.test('damaged keys are named in a sentence that does not repeat them', async (t) => {
  const { folder, keys, shelf, clock } = keysIn(t)
  await keys.sign(PAYLOAD)
  const file = join(folder, 'receipt-keys.1.json')
  const text = readFileSync(file, 'utf8')
  for (const damaged of [text.slice(0, -4), text.replace('"v":1', '"v":2'), text.replace(/"d":"[^"]+"/, '"d":"AAAA"'), '', 'null', '{"v":1,"keys":[]}']) {
    writeFileSync(file, damaged)
    const error = await new SigningKeys(shelf, clock).jwks().catch((error: Error) => error)
    t.match(error, { name: 'SigningError', message: /^the keys that sign receipts are damaged; restore / })
    t.notMatch(inspect(error, { depth: 9 }), /"d"|secret"/)
  }
})

t.test('the private key appears in no key set, no printed object and no error', async (t) => {
  const { folder, keys } = keysIn(t)
  await keys.sign(PAYLOAD)
  const kept = JSON.parse(readFileSync(join(folder, 'receipt-keys.1.json'), 'utf8')) as { secret: string; keys: { d: string }[] }
  const said = [inspect(keys, { depth: 9, showHidden: true }), JSON.stringify(keys), JSON.stringify(await keys.jwks()), await keys.pseudonym('x')].join()
  for (const secret of [kept.secret, kept.keys[0]?.d ?? '']) t.notOk(said.includes(secret))
})

t.test('a shelf that takes nothing ends in a sentence', async (t) => {
  const shelf: KeyShelf = { read: async () => undefined, write: async () => false }
  await t.rejects(new SigningKeys(shelf, new ScriptedClock()).jwks(), { name: 'SigningError' })
})
