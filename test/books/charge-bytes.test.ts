/** The short way is taken: what the store writes of an ordinary charge is read from its bytes, each fact from its place. */
import t from 'tap'
import { ChargeBytes } from '../../gateway/books/charge-bytes.ts'
import { lineOf } from '../../gateway/stores/lines.ts'

const AT = Date.UTC(2026, 10, 29)

function lineFor(more: object): string {
  const subject = { requestDigest: 'ab'.repeat(32), answerDigest: 'cd'.repeat(32) }
  const some = { v: 2, id: 'r', at: AT, generation: 1, config: 'c', api: 'a', operation: 'o', consumer: 'k', kind: 'charged', status: 200 }
  const call = { ...some, receipt: 'rc_1', units: 3, price: '150000', requested: 3, candidates: [], attempts: [], tookMs: 1 }
  const terms = { connection: 'acme', owner: 'alice', period: 5, units: 3, price: '150000', platform: '15000', by: 'credits', account: 'key:k' }
  const record = { t: 'charge', id: 'rc_1', at: AT, ...terms, api: 'a', operation: 'o', subject, names: [], once: [], answer: undefined, ...more }
  return `${lineOf({ ...record, call } as unknown as Parameters<typeof lineOf>[0])}\n`
}

t.test('an ordinary charge, one on the terms of the one before, and an owner’s own', async (t) => {
  const lines = [{}, { id: 'rc_22', at: AT + 1, account: 'key:other' }, { since: AT - 9, price: '0', platform: '0', by: 'owner', units: 12 }].map(lineFor)
  const bytes = Buffer.from(`{"t":"lease"}\n${lines.join('')}`)
  const scan = new ChargeBytes()
  const between = (from: number, to: number): string => bytes.toString('latin1', from, to)
  const found = lines.map((line) => {
    const read = scan.read(bytes, bytes.indexOf(line))
    const { at, units, price, platform, isOwn, isSame } = scan
    const names = [between(scan.idFrom, scan.idTo), between(scan.atFrom, scan.atTo), between(scan.sellerFrom, scan.sellerTo)]
    return [read, ...names, between(scan.accountFrom, scan.accountTo), at, units, price, platform, isOwn, isSame]
  })
  // The seller of the second stands where it was read first.
  const seller = 'acme","owner":"alice'
  t.strictSame(found, [
    [true, 'rc_1', `${AT}`, seller, 'key:k', AT, 3, 150_000, 15_000, false, false],
    [true, 'rc_22', `${AT + 1}`, seller, 'key:other', AT + 1, 3, 150_000, 15_000, false, true],
    [true, 'rc_1', `${AT}`, seller, 'key:k', AT, 12, 0, 0, true, false],
  ])
})

t.test('whatever has no id, no account, or a share above its price is left to whoever parses', async (t) => {
  for (const more of [{ account: '' }, { platform: '150001' }, { by: 'x402' }, { price: '0150000' }, { account: 'käy' }]) {
    const bytes = Buffer.from(lineFor(more))
    t.notOk(new ChargeBytes().read(bytes, 0), JSON.stringify(more))
  }
  t.ok(new ChargeBytes().read(Buffer.from(lineFor({ platform: '150000' })), 0), 'a share of all of it is none of these')
})

t.test('terms that differ in any one byte from those of the charge before are read anew', async (t) => {
  const line = lineFor({})
  const [from, to] = [line.indexOf(',"connection"'), line.indexOf('key:k')]
  let read = 0
  for (let at = from; at < to; at += 1) {
    const other = `${line.slice(0, at)}${line[at] === '7' ? '8' : '7'}${line.slice(at + 1)}`
    const scan = new ChargeBytes()
    const fresh = new ChargeBytes()
    t.ok(scan.read(Buffer.from(line), 0))
    const found = scan.read(Buffer.from(other), 0)
    t.equal(found, fresh.read(Buffer.from(other), 0), `byte ${at}`)
    t.strictSame([found, found && scan.isSame], [found, false], `byte ${at}`)
    if (found) read += 1
    if (found) t.strictSame([scan.units, scan.price, scan.platform], [fresh.units, fresh.price, fresh.platform], `byte ${at}`)
  }
  t.ok(read > 15, `${read} of them were charges`)
})
