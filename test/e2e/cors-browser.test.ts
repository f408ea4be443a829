/** A real browser: a page of another origin pays a call and reads the answer; without the plugin it cannot. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import chromium from '@sparticuz/chromium'
import { chromium as browsers } from 'playwright-core'
import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { decodeHeader, signedPayment } from '../rig/client.ts'
import { BALANCE, OPEN_RATE, openGateway, sandbox, WALLET } from '../rig/gateway.ts'

const plugins = (...first: readonly string[]): object =>
  sandbox({
    plugins: [...first, 'auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve'],
  })

const site = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>'))
await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
t.teardown(() => void site.close())
const browser = await browsers.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args.filter((arg) => arg !== '--disable-web-security'),
  headless: true,
})
t.teardown(() => browser.close())

/** Asked, signed, paid; what the page could read, or how it failed. */
const PAYS = `async ({ url, body }) => {
  const post = (headers) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  try {
    const quote = await post({})
    const paid = await post({ 'PAYMENT-SIGNATURE': await window.sign(quote.headers.get('PAYMENT-REQUIRED')) })
    return { status: paid.status, text: await paid.text(), receipt: paid.headers.get('PAYMENT-RESPONSE'), price: paid.headers.get('X-Atlas-Price') }
  } catch (error) {
    return { failed: String(error) }
  }
}`

async function pays(gateway: string): Promise<{ status?: number; text?: string; receipt?: string; price?: string; failed?: string }> {
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
  await page.exposeFunction('sign', (offer: string) => signedPayment(offer, generatePrivateKey()))
  const asked = JSON.stringify({ url: gateway + BALANCE, body: WALLET })
  return (await page.evaluate(`(${PAYS})(${asked})`)) as Awaited<ReturnType<typeof pays>>
}

t.test('with cors the page pays, and reads answer, price and settlement', async (t) => {
  const { status, text, receipt, price } = await pays((await openGateway(t, plugins('cors'))).publicUrl)
  t.equal(status, 200)
  t.match(JSON.parse(text ?? ''), { data: [{}] })
  t.equal(price, '$0.15')
  t.match(decodeHeader(receipt ?? ''), { success: true })
})

t.test('without it the browser keeps everything from the page', async (t) => {
  t.match(await pays((await openGateway(t, plugins())).publicUrl), { failed: /fetch/ })
})
