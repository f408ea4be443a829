/** What is the same for everybody, and read by GET: what is for sale, for people, programs and agents. `catalogue.ts` first. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Gateway } from '../../gateway.ts'
import { versionOf } from '../../ground/index.ts'
import type { Answer } from '../edge.ts'
import { catalogueOf } from './catalogue.ts'
import { frontPage } from './front.ts'
import { jsonAnswer } from './html.ts'
import { manifestOf } from './manifest.ts'
import { openApiOf } from './openapi.ts'
import { operationPage } from './operation.ts'
import { llmsTextOf } from './words.ts'

/** Made anew each time it is asked for: prices and what is left are those of now. Undefined where it is about nothing. */
export type Page = (headers: IncomingHttpHeaders) => Answer | undefined

export class Pages {
  readonly #gateway: Gateway
  readonly #pages: ReadonlyMap<string, Page>

  constructor(gateway: Gateway) {
    const version = versionOf()
    this.#gateway = gateway
    this.#pages = new Map<string, Page>([
      ['/', ({ accept }) => frontPage(gateway, accept)],
      ['/catalog', () => jsonAnswer(catalogueOf(gateway))],
      ['/openapi.json', () => jsonAnswer(openApiOf(gateway, version))],
      ['/llms.txt', () => ({ status: 200, headers: TEXT_FIELDS, body: llmsTextOf(gateway) })],
      ['/.well-known/x402', () => jsonAnswer(manifestOf(gateway))],
      ['/healthz', () => jsonAnswer({ status: 'ok' })],
    ])
  }

  /** Undefined where there is no page at this path. */
  at(path: string): Page | undefined {
    const page = this.#pages.get(path)
    if (page !== undefined) return page
    const [, api, id] = OPERATION.exec(path) ?? []
    const name = { api: decoded(api), id: decoded(id) }
    return name.api === '' || name.id === '' ? undefined : ({ accept }) => operationPage(this.#gateway, name, accept)
  }
}

const OPERATION = /^\/catalog\/([^/]+)\/([^/]+)$/

/** Nothing where it is malformed. */
function decoded(text = ''): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

const TEXT_FIELDS = ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store', 'x-content-type-options', 'nosniff']
