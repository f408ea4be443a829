/** What is the same for everybody, and read by GET: what is for sale, for people, programs and agents. `catalogue.ts` first. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Gateway } from '../../gateway.ts'
import { versionOf } from '../../ground/index.ts'
import type { Answer } from '../edge.ts'
import { catalogueOf } from './catalogue.ts'
import { frontPage } from './front.ts'
import { jsonAnswer, PAGE_FIELDS, wantsJson } from './html.ts'
import { KeptPages } from './kept.ts'
import { manifestOf } from './manifest.ts'
import { openApiOf } from './openapi.ts'
import { operationPage } from './operation.ts'
import { llmsTextOf } from './words.ts'

/** Undefined where it is about nothing. */
export interface Page {
  answer(headers: IncomingHttpHeaders): Answer | undefined
  /** Who reads it asks what is for sale, as an unpaid call does. */
  readonly asks: boolean
}

type Made = (accept: string | undefined) => Answer | undefined

export class Pages {
  readonly #gateway: Gateway
  readonly #kept: KeptPages
  readonly #pages: ReadonlyMap<string, Made>

  constructor(gateway: Gateway) {
    const version = versionOf()
    this.#gateway = gateway
    this.#kept = new KeptPages(gateway)
    this.#pages = new Map<string, Made>([
      ['/', (accept) => frontPage(gateway, accept)],
      ['/catalog', () => jsonAnswer(catalogueOf(gateway))],
      ['/openapi.json', () => jsonAnswer(openApiOf(gateway, version))],
      ['/llms.txt', () => ({ status: 200, headers: TEXT_FIELDS, body: llmsTextOf(gateway) })],
      ['/.well-known/x402', () => jsonAnswer(manifestOf(gateway))],
    ])
  }

  /** Undefined where there is no page at this path. */
  at(path: string): Page | undefined {
    if (path === '/healthz') return HEALTH
    const made = this.#pages.get(path)
    if (made !== undefined) return this.#page(path, made)
    const [, api, id] = OPERATION.exec(path) ?? []
    const name = { api: decoded(api), id: decoded(id) }
    return name.api === '' || name.id === '' ? undefined : this.#page(path, (accept) => operationPage(this.#gateway, name, accept))
  }

  #page(path: string, made: Made): Page {
    return {
      asks: true,
      answer: (headers) => {
        const { accept, 'accept-encoding': acceptEncoding, 'if-none-match': ifNoneMatch } = headers
        const wish = { acceptEncoding: typeof acceptEncoding === 'string' ? acceptEncoding : undefined, ifNoneMatch }
        return this.#kept.answer(`${path} ${wantsJson(accept)}`, wish, () => made(accept))
      },
    }
  }
}

const HEALTH: Page = { asks: false, answer: () => jsonAnswer({ status: 'ok' }, 'no-store') }

const OPERATION = /^\/catalog\/([^/]+)\/([^/]+)$/

/** Nothing where it is malformed. */
function decoded(text = ''): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

const TEXT_FIELDS = ['content-type', 'text/plain; charset=utf-8', ...PAGE_FIELDS]
