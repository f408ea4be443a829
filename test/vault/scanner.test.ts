/** A credential is found in whatever way it is written, cut and surrounded; what holds none passes whole and at once. */

import fc from 'fast-check'
import t from 'tap'
import { Credentials } from '../../gateway/vault/index.ts'
import type { AnswerScan } from '../../gateway/contract/index.ts'
import { seedOf } from '../rig/random.ts'
import { bytesWise, ENCODINGS, type Encoding } from '../rig/spelled.ts'

function scanOf(secret: string | Buffer, before?: string): AnswerScan {
  const credentials = new Credentials()
  if (before !== undefined) credentials.set(new Map([['acme', before]]))
  credentials.set(new Map([['acme', secret]]))
  return credentials.place('acme', { in: 'bearer' }, { path: '/', headers: [] }, '') as AnswerScan
}

/** What left, and whether it was stopped. */
function through(scan: AnswerScan, chunks: readonly Buffer[], { last = false } = {}): { left: Buffer; stopped: boolean } {
  const left: Buffer[] = []
  for (const [at, chunk] of chunks.entries()) {
    const clean = scan.pass(chunk, last && at === chunks.length - 1)
    if (clean === undefined) return { left: Buffer.concat(left), stopped: true }
    left.push(Buffer.from(clean))
  }
  left.push(scan.rest())
  return { left: Buffer.concat(left), stopped: false }
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const borders = [...new Set(at.map((one) => one % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...borders].map((from, index) => bytes.subarray(from, borders[index] ?? bytes.length))
}

/** As the configuration takes them: printable, no space at the ends. */
const secrets = fc.oneof(
  fc.stringMatching(/^[\x21-\x7e]{6,64}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{16,48}$/),
  fc.stringMatching(/^[0-9a-f]{32}$/),
  fc.stringMatching(/^[\x21-\x7e][\x20-\x7e]{5,30}[\x21-\x7e]$/),
  fc.stringMatching(/^[\x21-\x7e\xa1-\xff]{8,30}$/),
  fc.stringMatching(/^[%\\&+#;u0-9]{6,20}$/),
)
const surroundings = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 60 }).map((text) => Buffer.from(text)),
  fc.stringMatching(/^[%\\&;#ux0-9a-f]{0,30}$/).map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(text)),
)

t.test('any credential, in any encoding, in any surrounding, however it is cut, is found before it left', async (t) => {
  const seed = seedOf(t)
  for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
    fc.assert(
      fc.property(
        secrets,
        surroundings,
        surroundings,
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        (secret, before, after, at, random) => {
          const spelled = ENCODINGS[encoding](secret, () => random.next().value as number)
          const bytes = Buffer.concat([before, spelled, after])
          const chunks = cut(bytes, at)
          if (!scanOf(secret).holds(bytes)) return false
          const { left, stopped } = through(scanOf(secret), chunks)
          // Up to three characters of base64 before it hold a few of its bits.
          return stopped && left.length <= before.length + (encoding.startsWith('base64') ? 4 : 0) && bytes.subarray(0, left.length).equals(left)
        },
      ),
      { seed, numRuns: 400 },
    )
    t.pass(encoding)
  }
})

t.test('byte by byte, nothing of it leaves', async (t) => {
  const secret = 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'
  for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
    const spelled = ENCODINGS[encoding](secret, () => 3)
    const { left, stopped } = through(scanOf(secret), bytesWise(Buffer.concat([Buffer.from('{"a":"'), spelled, Buffer.from('"}')])))
    t.ok(stopped, encoding)
    t.ok(left.length <= 6 + (encoding.startsWith('base64') ? 4 : 0), `${encoding}: ${left.length} bytes left`)
  }
})

t.test('clean bodies are never stopped, and come out as they came in', async () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
    fc.webUrl({ withQueryParameters: true, withFragments: true }).map((text) => Buffer.from(text)),
    fc.stringMatching(/^[%\\&;#ux0-9a-fA-F]{0,300}$/).map((text) => Buffer.from(text)),
    fc.base64String({ maxLength: 2000 }).map((text) => Buffer.from(text)),
    fc.string({ unit: 'grapheme', maxLength: 500 }).map((text) => Buffer.from(text)),
  )
  const secret = fc.stringMatching(/^[A-Za-z0-9_-]{20,48}$/)
  fc.assert(
    fc.property(secret, fc.array(bodies, { maxLength: 4 }), fc.array(fc.nat(), { maxLength: 5 }), fc.boolean(), (one, parts, at, last) => {
      const body = Buffer.concat(parts)
      const { left, stopped } = through(scanOf(one), cut(body, at), { last })
      return !stopped && left.equals(body)
    }),
    { seed: seedOf(t), numRuns: 4000 },
  )
})

t.test('only what may be its beginning is held back, and an event never is', async (t) => {
  const scan = scanOf('sk_live_4eC39HqLyjWDarjtT1zdp7dc')
  for (const event of ['data: {"price":"1"}\n\n', ': comment\n\n', 'data: a%20b\\n&amp;\n\n', 'event: sk\ndata: 1\r\n\r\n']) {
    t.equal(scan.pass(Buffer.from(event), false)?.toString(), event, JSON.stringify(event))
  }
  t.equal(scan.pass(Buffer.from('abc sk_li'), false)?.toString(), 'abc ')
  t.equal(scan.pass(Buffer.from('fe\n'), false)?.toString(), 'sk_life\n')
  t.equal(scan.pass(Buffer.from('x \\u0073k%5'), false)?.toString(), 'x ')
  t.equal(scan.rest().toString(), '\\u0073k%5')
  t.equal(scan.pass(Buffer.from('ends with sk_'), true)?.toString(), 'ends with sk_', 'nothing is waited for behind the last piece')
})

t.test('what was held back is bounded, whatever comes', async (t) => {
  const scan = scanOf('aaaaaaaaaaaaaaab')
  let [came, left] = [0, 0]
  for (let count = 0; count < 2000; count += 1) {
    const chunk = Buffer.from(count % 3 === 0 ? '%61' : '&amp;amp;#97;')
    came += chunk.length
    left += scan.pass(chunk, false)?.length ?? 0
  }
  t.ok(came - left < 2000, `${came - left} bytes are held back`)
})

t.test('parts of a user and password are found by themselves where they are long enough', async (t) => {
  const holds = (secret: string, text: string): boolean => scanOf(secret).holds(Buffer.from(text))
  t.ok(holds('alice:correct-horse', 'wrong password correct-horse'))
  t.ok(holds('sk_live_4eC39HqLyjWD:', 'key sk_live_4eC39HqLyjWD is over its limit'))
  t.notOk(holds('alice:correct-horse', 'alice is over her limit'))
  t.ok(holds('alice:correct-horse', Buffer.from('alice:correct-horse').toString('base64')))
})

t.test('after a rotation both are looked for, in answers asked with either, and the old one no longer than a call takes', async (t) => {
  const credentials = new Credentials()
  credentials.previousForMs = 20
  const place = (): AnswerScan => credentials.place('acme', { in: 'bearer' }, { path: '/', headers: [] }, '') as AnswerScan
  credentials.set(new Map([['acme', 'the-first-credential']]))
  const underWay = place()
  credentials.set(new Map([['acme', Buffer.from('the-second-credential')]]))
  const later = place()
  for (const [name, scan] of Object.entries({ underWay, later })) {
    t.ok(scan.holds(Buffer.from('x the-first-credential')), name)
    t.ok(scan.holds(Buffer.from('x the-second-credential')), name)
    t.equal(scan.pass(Buffer.from('x the-sec'), false)?.toString(), 'x ', name)
  }
  const end = performance.now() + 40
  while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve))
  t.notOk(place().holds(Buffer.from('x the-first-credential')))
  t.ok(underWay.holds(Buffer.from('x the-first-credential')), 'whoever was asked with it still looks for it')
})

t.test('what is too short to be told from chance is said, not searched', async (t) => {
  const credentials = new Credentials()
  const short = credentials.set(
    new Map([
      ['five', '12345'],
      ['six', '123456'],
    ]),
  )
  t.strictSame(short, ['five'])
  t.equal(credentials.place('five', { in: 'bearer' }, { path: '/', headers: [] }, ''), undefined)
  t.ok(credentials.place('six', { in: 'bearer' }, { path: '/', headers: [] }, '')?.holds(Buffer.from('a 123456 b')))
})

t.test('nothing makes the search slow: many escapes, long runs, half matches', async (t) => {
  const secret = `${'\\'.repeat(40)}end`
  const bodies = ['\\'.repeat(100_000), '%5c'.repeat(30_000), '&amp;'.repeat(20_000), '%25'.repeat(30_000), '\\u005c'.repeat(15_000), '&'.repeat(100_000)]
  for (const one of [secret, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', '%25%25%25%25%25%25%25x']) {
    for (const body of bodies) {
      const scan = scanOf(one)
      const from = performance.now()
      for (let at = 0; at < body.length; at += 16_384) if (scan.pass(Buffer.from(body.slice(at, at + 16_384)), false) === undefined) break
      const tookMs = performance.now() - from
      t.ok(tookMs < 2_000, `${one.slice(0, 8)} in ${body.slice(0, 8)}: ${Math.round(tookMs)} ms`)
    }
  }
})
