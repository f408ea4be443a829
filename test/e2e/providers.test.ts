/**
 * Each of the six providers, played from its documentation, is sold through a real gateway: every operation, and every failure. Consumers
 * pay for what was answered well and for nothing else, and in the end the provider's counter and ours say the same.
 */
import t, { type Test } from 'tap'
import { type Failure, providers, type ProviderScript } from '../rig/providers/index.ts'
import { type Offer, sell, type Selling } from '../rig/providers/selling.ts'

const OWN = /telltale|x-nansen-credits|datapoints|x-rate-?limit|ratelimit-(limit|remaining|reset)|payment-required/i

/** Our books and the provider's. */
async function agree(t: Test, selling: Selling, what: string): Promise<void> {
  const { sold_units, own_units, wasted_units, external_units } = await selling.row()
  t.strictSame([(sold_units as number) + (own_units as number) + (wasted_units as number), external_units], [selling.account.used, 0], what)
}

async function everyOperation(t: Test, selling: Selling, offers: readonly Offer[]): Promise<void> {
  for (const offer of offers) {
    const before = selling.account.used
    const answer = await selling.call(offer)
    const took = selling.account.used - before
    t.equal(answer.status, 200, `${offer.id}: ${answer.text.slice(0, 200)}`)
    t.equal(answer.headers['x-atlas-units'], String(took), `${offer.id} is charged what the provider takes`)
    t.ok(took <= offer.units, `${offer.id}: ${offer.units} were quoted`)
    t.match(answer.headers['x-atlas-receipt'], /./)
    t.notMatch(JSON.stringify(answer.headers), OWN, `${offer.id}: nothing of the owner's account`)
  }
}

async function failing(t: Test, selling: Selling, offer: Offer, [what, failure]: readonly [string, Failure]): Promise<void> {
  const [before, money, seen] = [await selling.row(), await selling.balance(), selling.account.asked.length]
  selling.account.fail(failure)
  const answer = await selling.call(offer)
  const after = await selling.row()
  if (failure.shown === 'as it is') {
    t.equal(answer.status, failure.status, what)
    t.equal(answer.text, typeof failure.body === 'string' ? failure.body : JSON.stringify(failure.body), `${what}: the provider's own words`)
  } else {
    t.match({ status: answer.status, code: answer.json.code }, { status: 502, code: 'upstream_error' }, what)
    t.match(answer.headers['content-type'], /problem\+json/)
  }
  t.notMatch(JSON.stringify(answer.headers), OWN, `${what}: nothing of the owner's account`)
  t.equal(answer.headers['x-atlas-receipt'], undefined, `${what}: not charged`)
  t.equal(await selling.balance(), money, `${what}: costs nobody money`)
  t.equal(after.sold_units, before.sold_units, what)
  t.equal((after.wasted_units as number) - (before.wasted_units as number), failure.billed === true ? offer.units : 0, `${what}: wasted, or returned`)
  t.equal(selling.account.asked.length, seen + 1, `${what}: nobody else is asked, nothing again`)
}

async function everyFailure(t: Test, selling: Selling, offers: readonly Offer[]): Promise<void> {
  const script = selling.account.script
  const offer = offers.find(({ units }) => units === 1) as Offer
  for (const row of Object.entries(script.failures)) {
    await failing(t, selling, offer, row)
    if (row[1].closes === true) {
      t.equal((await selling.call(offer)).status >= 500, true, `${row[0]}: it is not asked again at once`)
      await selling.admin('POST', '/api/enable', { names: [script.name], accept_risk: true })
    }
    // Five failures in a row are an outage.
    t.equal((await selling.call(offer)).status, 200, `all is well after ${row[0]}`)
  }
  for (const row of Object.entries(script.limited)) await failing(t, selling, offer, row)
}

async function whole(t: Test, script: ProviderScript): Promise<void> {
  const selling = await sell(t, script)
  const offers = await selling.offers()
  t.ok(offers.length > 0)
  await everyOperation(t, selling, offers)
  await agree(t, selling, 'after every operation')
  await everyFailure(t, selling, offers)
  await agree(t, selling, 'after every failure')
  // Where the provider can be asked, it says the same.
  await selling.admin('POST', '/api/enable', { names: [script.name], accept_risk: true })
  t.equal((await selling.row()).external_units, 0, 'the counters agree')
  t.ok((await selling.admin('GET', '/api/ledger/verify')).ok, 'and so do the books')
  t.equal(await selling.started.stop(), 0)
}

for (const [name, script] of Object.entries(providers)) t.test(name, { timeout: 120_000 }, (t) => whole(t, script))
