/** The files of the console: read once, named by their content, kept by browsers for a year. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Answer } from '../edge.ts'
import type { DoorRequest } from '../wire.ts'
import { SAFE, takesGzip } from './answers.ts'

interface Asset {
  readonly type: string
  readonly bytes: Buffer
  readonly packed: Buffer
}

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f5eae"/><path d="M3 12V9M6.3 12V6M9.7 12V7.5M13 12V4" stroke="#fff" stroke-width="1.8" stroke-linecap="round"/></svg>`

/** Where its package keeps it. */
const uplot = (file: string): string => join(dirname(createRequire(import.meta.url).resolve('uplot')), file)
const own = (url: URL): string => readFileSync(url, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')

/** Read when the first page is shown. */
export class Assets {
  readonly #found = new Map<string, Asset>()
  readonly icon = this.#add('icon.svg', 'image/svg+xml', ICON)
  readonly chartScript = this.#add('uplot.js', 'text/javascript; charset=utf-8', readFileSync(uplot('uPlot.iife.min.js'), 'utf8'))
  readonly script = this.#add('console.js', 'text/javascript; charset=utf-8', own(new URL('./browser/browser.js', import.meta.url)))
  readonly style = this.#add(
    'style.css',
    'text/css; charset=utf-8',
    readFileSync(uplot('uPlot.min.css'), 'utf8') + readFileSync(new URL('./style.css', import.meta.url), 'utf8'),
  )

  /** Undefined where there is none of that name. */
  answer(request: DoorRequest, path: string): Answer | undefined {
    const asset = this.#found.get(path)
    if (asset === undefined) return undefined
    const packed = takesGzip(request)
    const headers = ['content-type', asset.type, ...SAFE, 'cache-control', 'public, max-age=31536000, immutable', 'vary', 'accept-encoding']
    return { status: 200, headers: packed ? [...headers, 'content-encoding', 'gzip'] : headers, body: packed ? asset.packed : asset.bytes }
  }

  #add(name: string, type: string, text: string): string {
    const bytes = Buffer.from(text)
    const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 12)
    const path = `/console/assets/${name.replace('.', `-${hash}.`)}`
    this.#found.set(path, { type, bytes, packed: gzipSync(bytes, { level: 9 }) })
    return path
  }
}
