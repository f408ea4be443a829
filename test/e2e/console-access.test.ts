/** The console for everybody: by keyboard, without script, at 360 px, in both schemes, and in less than 100 KB. */

import t from 'tap'
import { complainsOfNothing, drawn, openConsole, seriousFaults, TOKEN, VIEWS } from '../rig/browser.ts'

const MOST_BYTES = 100_000
const { rig, url, browser, signIn } = await openConsole(t, 0.1)

t.test('everything works by keyboard', async (t) => {
  const one = await signIn()
  const { page } = one
  await page.goto(`${url}/connections`)
  await page.keyboard.press('Tab')
  t.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content')
  await page.keyboard.press('Enter')
  t.equal(await page.evaluate('document.activeElement.id'), 'main')
  for (let tabs = 0; tabs < 60 && (await page.evaluate('document.activeElement.getAttribute("aria-label")')) !== 'Pause kaito'; tabs += 1)
    await page.keyboard.press('Tab')
  t.not(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none', 'where one is can be seen')
  await page.keyboard.press('Enter')
  await page.getByRole('status').filter({ hasText: 'kaito is off sale' }).waitFor()
  await rig.office.marketplace.enable(['kaito'], { acceptRisk: false })
  complainsOfNothing(t, one, rig)
  await one.context.close()
})

t.test('without script everything but charts and live calls is there', async (t) => {
  const context = await browser.newContext({ locale: 'en-US', javaScriptEnabled: false })
  const plain = await context.newPage()
  await plain.goto(url)
  await plain.getByLabel('Admin token').fill(TOKEN)
  await plain.getByRole('button', { name: 'Sign in' }).click()
  for (const view of VIEWS) {
    await plain.goto(url + view)
    t.ok((await plain.locator('main').textContent())?.length, view)
  }
  await plain.goto(`${url}/connections`)
  await plain.getByRole('button', { name: 'Pause arkham' }).click()
  await plain.getByText('arkham is off sale').waitFor()
  await plain.getByRole('button', { name: 'Vet and resume arkham' }).click()
  await plain.getByText('arkham is on sale').waitFor()
  await context.close()
})

for (const look of [{}, { scheme: 'dark' }, { width: 360 }] as const)
  t.test(`nobody is kept out: ${JSON.stringify(look)}`, async (t) => {
    const one = await signIn(look)
    for (const view of VIEWS) {
      await one.page.goto(url + view)
      await drawn(one.page)
      await one.page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
      t.strictSame(await seriousFaults(one.page), [], view)
      t.equal(await one.page.evaluate('document.documentElement.scrollWidth'), 'width' in look ? look.width : 1280, `${view} is not wider than the screen`)
    }
    complainsOfNothing(t, one, rig)
    await one.context.close()
  })

t.test(`all views together are less than ${MOST_BYTES} bytes`, async (t) => {
  const one = await signIn()
  for (const view of VIEWS) {
    await one.page.goto(url + view)
    await drawn(one.page)
  }
  t.comment(`${one.bytes()} bytes for signing in and all ${VIEWS.length} views`)
  t.ok(one.bytes() > 10_000 && one.bytes() < MOST_BYTES, `${one.bytes()} bytes`)
  complainsOfNothing(t, one, rig)
  await one.context.close()
})
