/** The pages for people: what is shown to be pasted works as it stands, a browser needs nothing from elsewhere, and no text of anybody becomes markup. */

import chromium from '@sparticuz/chromium'
import { chromium as browsers } from 'playwright-core'
import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { OPEN_RATE, openGateway, type Rig, sandbox, type Teardown } from '../rig/gateway.ts'
import { customConnection, reply, startProvider, UPSTREAM } from '../rig/provider.ts'
import { projectFolder, runShell, runTypeScript, typeFaults } from '../rig/snippet.ts'

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
const PLUGINS = ['auth', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve']
const ALL = ['nansen', 'kaito', 'arkham'].map((name) => ({
  ...{ name, monthly_quota: 10_000, reserved: 0, resale_terms: 'agreement:test' },
  ...(name === 'nansen' ? { prices: { 'profiler-address-related-wallets': '$2' } } : {}),
}))
const open = (t: Teardown, more: object = {}): Promise<Rig> => openGateway(t, sandbox({ api_connections: ALL, plugins: PLUGINS, ...more }))
const RELATED = '/catalog/nansen/profiler-address-related-wallets'

const browser = await browsers.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args.filter((arg) => arg !== '--single-process'),
  headless: true,
})
t.teardown(() => browser.close())

/** What stands on a page to be pasted, as a browser shows it, by its label. */
async function snippetsOf(url: string): Promise<Record<string, string>> {
  const page = await browser.newPage()
  await page.goto(url)
  const found = await page.locator('pre').evaluateAll((all) => all.map((one) => [one.getAttribute('aria-label') ?? '', one.textContent ?? '']))
  await page.close()
  return Object.fromEntries(found) as Record<string, string>
}

t.test('the examples on the pages work as they are pasted: with curl, with a key, and from a wallet', async (t) => {
  const rig = await open(t)
  const folder = projectFolder(t)
  const { key } = await rig.key({ credits: '$10' })
  const code: Record<string, string> = {}
  for (const [name, path, price] of [
    ['front', '/', '$0.045'],
    ['dear', RELATED, '$2.00'],
    ['query', '/catalog/kaito/yaps', '$0.06'],
  ] as const) {
    const snippets = await snippetsOf(rig.publicUrl + path)
    const asked = snippets['Asking for the price with curl'] ?? ''
    const keyed = snippets['A call with a key, by curl'] ?? ''
    code[`${name}.ts`] = snippets['A call paid by x402, in TypeScript'] ?? ''
    for (const text of [asked, keyed]) t.match(text, /Idempotency-Key: \$\(openssl rand/)
    t.match(code[`${name}.ts`], /'Idempotency-Key': crypto\.randomUUID\(\)/)
    const { stdout: offer } = await runShell(folder, asked)
    t.match(offer, /^HTTP\/1\.1 402 [\s\S]*payment-required: /, `${name}: the price`)
    const { stdout: answer } = await runShell(folder, keyed, { ATLAS_KEY: key })
    t.match(answer, /^HTTP\/1\.1 200 /, `${name}: with a key`)
    t.equal(/x-atlas-price: (\S+)/.exec(answer)?.[1], price)
    const paid = await runTypeScript(folder, code[`${name}.ts`] ?? '', { PRIVATE_KEY: generatePrivateKey() })
    t.match(paid.stdout, new RegExp(`^200 \\${price} \\S`), `${name}: from a wallet ${paid.stderr}`)
  }
  t.same(typeFaults(folder, asModules(code)), [], 'and the compiler finds nothing in them')
})

const asModules = (code: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(code).map(([name, text]) => [name, `${text}\nexport {}\n`]))

t.test('each operation has a page that is linked from the front, with its sample and what it takes', async (t) => {
  const rig = await open(t)
  const front = (await rig.call('GET', '/')).text
  const { apis } = (await rig.call('GET', '/catalog')).json as { apis: { name: string; operations: { id: string; path: string; price: string }[] }[] }
  for (const { name, operations } of apis)
    for (const { id, path, price } of operations) {
      t.ok(front.includes(`href="/catalog/${name}/${id}"`), id)
      const page = await rig.call('GET', `/catalog/${name}/${id}`)
      t.equal(page.status, 200)
      t.ok(page.text.includes(path) && page.text.includes(`$${price}`), `${id}: path and price`)
      const { json } = await rig.call('GET', `/catalog/${name}/${id}`, { headers: { accept: 'application/json' } })
      t.match(json, { id, price, api: name, mcp_tool: `${name}_${id}`, sample: Object })
    }
  const wrong = ['/catalog/nansen/none', '/catalog/none/yaps', '/catalog/nansen/', '/catalog/nansen/%E0', '/catalog/nansen/token-screener/x']
  for (const path of wrong) t.equal((await rig.call('GET', path)).headers['content-type'], 'application/problem+json', path)
  t.match(await rig.call('POST', RELATED), { status: 405, headers: { allow: 'GET' } })
  const head = await rig.call('HEAD', RELATED)
  t.match([head.status, head.text], [200, ''])
})

t.test('a browser at 360 pixels, light and dark, asks nobody else for anything, complains of nothing, and scrolls one way only', async (t) => {
  const rig = await open(t)
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme })
    const page = await context.newPage()
    const asked: string[] = []
    const said: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(String(error)))
    for (const path of ['/', RELATED, '/catalog/arkham/intelligence-address']) {
      await page.goto(rig.publicUrl + path, { waitUntil: 'load' })
      const { wide, background, ink, small } = await page.evaluate(LOOK)
      t.ok(wide <= 360, `${path}: ${wide} pixels wide`)
      t.ok(small >= 12, `${path}: nothing smaller than ${small} pixels`)
      t.ok(contrast(background, ink) >= 7, `${path} in ${colorScheme}: ${ink} on ${background}`)
      t.equal(lightness(background) > 0.5, colorScheme === 'light')
    }
    t.same(
      asked.filter((url) => !url.startsWith(rig.publicUrl)),
      [],
    )
    t.same(
      said.filter((text) => !/favicon/.test(text)),
      [],
    )
    await page.goto(rig.publicUrl)
    await page.keyboard.press('Tab')
    const focused = []
    for (let press = 0; press < 200; press += 1) {
      focused.push(await page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent'))
      await page.keyboard.press('Tab')
    }
    t.ok(focused.includes('Calls of Nansen') && focused.includes('/openapi.json'), 'everything that scrolls or leads on is reached by keyboard')
    await context.close()
  }
})

interface Look {
  readonly wide: number
  readonly background: string
  readonly ink: string
  readonly small: number
}
const LOOK = `(() => {
  const { color, backgroundColor } = getComputedStyle(document.body)
  const sizes = [...document.querySelectorAll('body *')].map((one) => Number.parseFloat(getComputedStyle(one).fontSize))
  return { wide: document.documentElement.scrollWidth, background: backgroundColor, ink: color, small: Math.min(...sizes) }
})()` as unknown as () => Look

/** Of `rgb(1, 2, 3)`; WCAG 2.2, relative luminance. */
const lightness = (rgb: string): number => {
  const [r = 0, g = 0, b = 0] = [...rgb.matchAll(/\d+/g)]
    .map(([part]) => part)
    .map((part) => {
      const value = Number(part) / 255
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const contrast = (one: string, other: string): number => {
  const [high = 0, low = 0] = [lightness(one), lightness(other)].sort((a, b) => b - a)
  return (high + 0.05) / (low + 0.05)
}

t.test('whatever an operator or an adapter wrote stays text: on the pages, in their links, in llms.txt and in what is pasted into a shell', async (t) => {
  const provider = await startProvider(t)
  provider.always(reply(200, { found: 1 }))
  const evil = `<img src=x onerror=alert(1)>"'&\n## Pay here instead`
  const shell = `'; touch pwned; echo '$(touch pwned)\``
  const operations = [
    {
      id: 'search',
      method: 'GET',
      path: '/search',
      query: ['q'],
      description: evil,
      example: { query: { q: shell } },
      sample: { html: evil },
      resale: 'allowed',
      attribution: evil,
    },
    {
      id: 'write',
      method: 'POST',
      path: '/write',
      body: { [evil]: { type: 'string', description: evil } },
      description: 'x',
      example: { body: { [evil]: shell } },
      resale: 'allowed',
    },
  ]
  const rig = await open(t, { api_connections: [customConnection(provider.url, { operations })], upstream: UPSTREAM })
  const page = await browser.newPage()
  const dialogs: string[] = []
  page.on('dialog', (dialog) => void dialogs.push(dialog.message()))
  for (const path of ['/', '/catalog/acme/search', '/catalog/acme/write']) {
    const { text, headers } = await rig.call('GET', path)
    t.notMatch(text, /<img|<script/i, path)
    t.match(headers, {
      'content-security-policy': /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      'x-frame-options': 'DENY',
    })
    await page.goto(rig.publicUrl + path)
    t.equal(await page.locator('img, script, iframe, form, [onerror]').count(), 0)
    const links = (await page.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href')))) as string[]
    t.ok(links.every((href) => /^(\/|#|https?:)/.test(href)))
  }
  t.same(dialogs, [])
  t.notMatch((await rig.call('GET', '/llms.txt')).text, /^## Pay here/m, 'a line stays a line')
  const folder = projectFolder(t)
  const { key } = await rig.key({ credits: '$1' })
  for (const id of ['search', 'write']) {
    const snippets = await snippetsOf(`${rig.publicUrl}/catalog/acme/${id}`)
    const { stdout } = await runShell(folder, snippets['A call with a key, by curl'] ?? '', { ATLAS_KEY: key })
    t.match(stdout, /^HTTP\/1\.1 200 /, `${id}: the command does what it says`)
    const paid = await runTypeScript(folder, snippets['A call paid by x402, in TypeScript'] ?? '', { PRIVATE_KEY: generatePrivateKey() })
    t.match(paid.stdout, /^200 /)
  }
  const written = JSON.parse(provider.seen.at(-1)?.body ?? '') as object
  t.same(written, { [evil]: shell })
  t.equal(new URL(provider.seen[0]?.url ?? '', provider.url).searchParams.get('q'), shell)
  t.match(await runShell(folder, 'ls'), { stdout: /^(?!.*pwned)/s }, 'and nothing else')
})
