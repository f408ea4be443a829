/** What is the same for everybody, and read by GET: what is for sale, for people, programs and agents. `catalogue.ts` first. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Gateway } from '../../gateway.ts'
import type { Answer } from '../edge.ts'
import { catalogueOf } from './catalogue.ts'
import { frontPage } from './front.ts'

/** Made anew each time it is asked for: prices and what is left are those of now. */
export type Page = (headers: IncomingHttpHeaders) => Answer

export class Pages {
  readonly #pages: ReadonlyMap<string, Page>

  constructor(gateway: Gateway) {
    const json = (value: () => unknown) => (): Answer => ({ status: 200, headers: [...JSON_FIELDS], body: JSON.stringify(value()) })
    this.#pages = new Map<string, Page>([
      ['/', ({ accept }) => frontPage(gateway, accept)],
      ['/catalog', json(() => catalogueOf(gateway))],
      ['/healthz', json(() => ({ status: 'ok' }))],
    ])
  }

  /** Undefined where there is no page at this path. */
  at(path: string): Page | undefined {
    return this.#pages.get(path)
  }
}

const JSON_FIELDS = ['content-type', 'application/json', 'cache-control', 'no-store', 'x-content-type-options', 'nosniff']
