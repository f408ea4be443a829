/** Writes what a run found into docs/performance.md, between two marks; what people wrote around them stays. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './process.ts'

const FROM = '<!-- from here on written by npm run bench -->'
const TO = '<!-- written by people again -->'
const file = join(root, 'docs/performance.md')

/** @throws Error where the marks are not there, so that nothing that people wrote is lost */
export function replaced(page: string, part: string): string {
  const [from, to] = [page.indexOf(FROM), page.indexOf(TO)]
  if (from < 0 || to < from)
    throw new Error(`docs/performance.md lacks the lines ${FROM} and ${TO}, in this order; put them back around the part that is generated`)
  return `${page.slice(0, from + FROM.length)}\n\n${part}\n\n${page.slice(to)}`
}

export const writePage = (part: string): void => writeFileSync(file, replaced(readFileSync(file, 'utf8'), part))
