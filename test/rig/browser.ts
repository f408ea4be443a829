/** A real browser on the console: what it asked for, what it complained of, and how many bytes came over the wire. */
import { createRequire } from 'node:module'
import chromium from '@sparticuz/chromium'
import { type Browser, type BrowserContext, chromium as browsers, type Page } from 'playwright-core'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './atlas.ts'
import { openGateway, type Rig, type Teardown, temporaryFolder } from './gateway.ts'
import { shopConfig, writeShop } from './seeded.ts'

export const TOKEN = 'the-token-of-an-operator'
export const VIEWS = ['', '/connections', '/consumers', '/calls', '/x402', '/audit', '/configuration'] as const

export interface Look {
  readonly scheme?: 'light' | 'dark'
  readonly width?: number
  readonly reducedMotion?: boolean
}

export interface Watched {
  readonly page: Page
  readonly context: BrowserContext
  /** Everything that was asked for. */
  readonly urls: readonly string[]
  /** Of the browser's console, and exceptions that nobody caught. */
  readonly complaints: readonly string[]
  /** Heads and bodies, as they came. */
  bytes(): number
}

async function launchBrowser(t: Teardown): Promise<Browser> {
  // In a single process the end of one context is the end of the browser; and everything that keeps pages apart stays on.
  const args = chromium.args.filter((arg) => !['--single-process', '--disable-web-security', '--allow-running-insecure-content'].includes(arg))
  const browser = await browsers.launch({ executablePath: await chromium.executablePath(), args, headless: true })
  t.teardown(() => browser.close())
  return browser
}

/** A context of its own: no cookie, nothing kept. */
export async function watchedPage(browser: Browser, { scheme = 'light', width = 1280, reducedMotion = false }: Look = {}): Promise<Watched> {
  const context = await browser.newContext({
    ...{ locale: 'en-US', colorScheme: scheme, viewport: { width, height: 800 }, reducedMotion: reducedMotion ? 'reduce' : 'no-preference' },
  })
  const page = await context.newPage()
  const urls: string[] = []
  const complaints: string[] = []
  let bytes = 0
  page.on('request', (request) => void urls.push(request.url()))
  page.on('console', (message) => void complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => void complaints.push(String(error)))
  const network = await context.newCDPSession(page)
  await network.send('Network.enable')
  network.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength
  })
  return { page, context, urls, complaints, bytes: () => bytes }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Faults that keep somebody out: serious and critical ones, with where they are. */
export async function seriousFaults(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  return (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html.slice(0, 160) + ' ' + failureSummary).join(' | ')))`)) as readonly string[]
}

/** A shop with a month behind it and a browser; `my-adapters` beside the configuration is a folder of adapters. */
export interface ConsoleRig {
  readonly rig: Rig
  readonly url: string
  readonly browser: Browser
  signIn(look?: Look): Promise<Watched>
}

export async function openConsole(t: Teardown, part = 1): Promise<ConsoleRig> {
  const folder = temporaryFolder(t)
  writeShop(folder, Date.now(), part)
  mkdirSync(join(folder, 'my-adapters'))
  const rig = await openGateway(t, shopConfig({ admin: { listen: '127.0.0.1:0', token: TOKEN }, adapter_dirs: ['./my-adapters'] }), { folder })
  const url = `${rig.adminUrl}/console`
  const browser = await launchBrowser(t)
  const signIn = async (look?: Look): Promise<Watched> => {
    const one = await watchedPage(browser, look)
    await one.page.goto(url)
    await one.page.getByLabel('Admin token').fill(TOKEN)
    await one.page.getByRole('button', { name: 'Sign in' }).click()
    await one.page.waitForURL(url)
    return one
  }
  return { rig, url, browser, signIn }
}

/** All charts of the page. */
export const drawn = (page: Page): Promise<void> => page.locator('[data-chart]:not([data-drawn="yes"])').first().waitFor({ state: 'detached' })

/** For docs/console, where it is asked for; small enough for a page of documentation. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env.ATLAS_SCREENSHOTS === undefined) return
  const before = page.viewportSize()
  if (before !== null && before.width > 920) await page.setViewportSize({ width: 920, height: 520 })
  mkdirSync(join(ROOT, 'docs/console'), { recursive: true })
  await page.screenshot({ path: join(ROOT, 'docs/console', `${name}.png`) })
  if (before !== null) await page.setViewportSize(before)
}

interface Asserts {
  same(found: unknown, wanted: unknown, message: string): unknown
}

export function complainsOfNothing(t: Asserts, { urls, complaints }: Watched, rig: Rig): void {
  const elsewhere = urls.filter((url) => !url.startsWith(`${rig.adminUrl}/`))
  t.same(elsewhere, [], 'no request to anybody else')
  t.same(complaints, [], 'the browser complains of nothing')
  const errors = rig.logged.filter(({ level }) => level === 'error')
  t.same(errors, [], 'nor does the gateway')
}
