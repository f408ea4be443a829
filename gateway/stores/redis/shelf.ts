/** A text that all processes of a gateway name share, replaced only by whoever has read what it replaces. */
import type { Link } from './link.ts'
import { script } from './link.ts'

/** ARGV: what was read, with a mark in front (empty: nothing was there), and the new text. */
const PUT = script(`
local before = redis.call('GET', KEYS[1] .. 'shelf')
if (before and '=' .. before or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1] .. 'shelf', ARGV[2])
return 1
`)

export class RedisShelf {
  readonly #link: Link

  constructor(link: Link) {
    this.#link = link
  }

  async read(): Promise<string | undefined> {
    return (await this.#link.command((redis) => redis.get(`${this.#link.prefix}shelf`))) ?? undefined
  }

  async write(text: string, expectedBefore: string | undefined): Promise<boolean> {
    return (await this.#link.surely(PUT, [expectedBefore === undefined ? '' : `=${expectedBefore}`, text])) === 1
  }
}
