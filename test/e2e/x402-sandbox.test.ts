/** Play money: the official client pays the sandbox unchanged, until its $100 are gone. */

import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { monthOf } from '../../gateway/contract/index.ts'
import { decodeHeader, payingFetch } from '../rig/client.ts'
import { BALANCE, OPEN_RATE, openGateway, sandbox, WALLET } from '../rig/gateway.ts'

const RELATED = '/nansen/profiler/address/related-wallets'

t.test('the official client pays the sandbox until $100 are spent, and not a cent further', async (t) => {
  const rig = await openGateway(
    t,
    sandbox({
      api_connections: [
        {
          ...{ name: 'nansen', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed' },
          // the most that official clients pay at once
          prices: { 'profiler-address-related-wallets': '$1' },
        },
      ],
      plugins: ['auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve'],
    }),
  )
  const pay = payingFetch({ privateKey: generatePrivateKey() })
  const buy = (path: string, by = pay) =>
    by(rig.publicUrl + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(WALLET) })

  const first = await buy(BALANCE)
  t.equal(first.status, 200)
  t.match(await first.json(), { data: [{}] })
  t.match(decodeHeader(first.headers.get('payment-response') ?? ''), { success: true, transaction: /^0x706c6179/, network: 'eip155:84532' })
  t.equal(first.headers.get('x-atlas-price'), '$0.15')

  const answers: Response[] = []
  // The client signs in the thread of the gateway: 99 at once would keep that from its disk for longer than it waits for one.
  for (let round = 0; round < 9; round += 1) answers.push(...(await Promise.all(Array.from({ length: 11 }, () => buy(RELATED)))))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  const poor = await buy(RELATED)
  t.equal(poor.status, 402)
  t.match(await poor.json(), { code: 'payment_invalid', detail: /insufficient_balance/, accepts: [{ maxAmountRequired: '1000000' }] })
  t.equal((await buy(BALANCE)).status, 200, 'the rest still buys what it can')

  const { total } = await rig.office.report(monthOf(Date.now()), undefined)
  t.match(total, { calls_sold: 101, revenue: '99.30', owner_share: '89.37', platform_share: '9.93' })
  t.equal((await buy(RELATED, payingFetch({ privateKey: generatePrivateKey() }))).status, 200, 'another wallet has its own')
})
