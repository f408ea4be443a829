/**
 * Reads a regular expression (ECMA-262, with the flag `u`) as a tree of what it takes. Characters beyond ASCII are one, so that sets
 * are small; back references, look-around and the like are not read, since nobody can say how long they run.
 */

/** Bit n is the character n; bit 128 all others. */
export type Characters = bigint

export type Tree =
  | { readonly is: 'set'; readonly set: Characters }
  | { readonly is: 'sequence' | 'choice'; readonly of: readonly Tree[] }
  | { readonly is: 'repeat'; readonly of: Tree; readonly least: number; readonly most: number }

export interface Branch {
  readonly tree: Tree
  /** It begins with ^, it ends with $. */
  readonly fromStart: boolean
  readonly toEnd: boolean
}

/** What makes a pattern that cannot be judged, in words. */
export class UnreadablePattern extends Error {
  override name = 'UnreadablePattern'
}

export const ALL: Characters = (1n << 129n) - 1n
const OTHERS = 1n << 128n
const bit = (code: number): Characters => (code > 127 ? OTHERS : 1n << BigInt(code))

function span(from: number, to: number): Characters {
  let set = to > 127 ? OTHERS : 0n
  for (let code = from; code <= Math.min(to, 127); code += 1) set |= bit(code)
  return set
}

const among = (text: string): Characters => [...text].reduce((set, character) => set | bit(character.codePointAt(0) as number), 0n)
const DIGITS = span(48, 57)
const WORDS = DIGITS | span(65, 90) | span(97, 122) | bit(95)
const SPACES = among(' \t\n\v\f\r') | OTHERS
const CLASSES: Readonly<Record<string, Characters>> = {
  ...{ d: DIGITS, w: WORDS, s: SPACES, D: ALL & ~DIGITS, W: ALL & ~WORDS, S: ALL },
  ...{ n: bit(10), t: bit(9), r: bit(13), f: bit(12), v: bit(11) },
}

/** The choices at the top, each by itself: one after the other is tried. @throws UnreadablePattern */
export function readPattern(source: string): readonly Branch[] {
  const reader = new Reader(source)
  const branches = reader.choices().map((items): Branch => {
    const fromStart = items[0] === '^'
    const toEnd = items.length > 1 && items.at(-1) === '$'
    const inner = items.slice(fromStart ? 1 : 0, toEnd ? -1 : items.length)
    return { tree: sequence(inner), fromStart, toEnd }
  })
  reader.end()
  return branches
}

type Item = Tree | '^' | '$'

function sequence(items: readonly Item[]): Tree {
  const trees = items.filter((item): item is Tree => typeof item !== 'string')
  if (trees.length < items.length) throw new UnreadablePattern('^ or $ within it')
  return { is: 'sequence', of: trees }
}

class Reader {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  end(): void {
    if (this.#at < this.#source.length) throw new UnreadablePattern(`a stray ${this.#source[this.#at]}`)
  }

  #peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at)
  }

  #take(text: string): boolean {
    const is = this.#peek(text)
    if (is) this.#at += text.length
    return is
  }

  #character(): string {
    const code = this.#source.codePointAt(this.#at)
    if (code === undefined) throw new UnreadablePattern('no end')
    const character = String.fromCodePoint(code)
    this.#at += character.length
    return character
  }

  choices(): Item[][] {
    const branches: Item[][] = [[]]
    while (this.#at < this.#source.length && !this.#peek(')')) {
      if (this.#take('|')) branches.push([])
      else branches.at(-1)?.push(this.#item())
    }
    return branches
  }

  #item(): Item {
    if (this.#take('^')) return '^'
    if (this.#take('$')) return '$'
    return this.#repeated(this.#one())
  }

  #one(): Tree {
    if (this.#take('(')) {
      if (this.#peek('?') && !this.#take('?:')) throw new UnreadablePattern('look-around or a named group')
      const of = this.choices().map(sequence)
      if (!this.#take(')')) throw new UnreadablePattern('a group without end')
      return { is: 'choice', of }
    }
    if (this.#take('[')) return { is: 'set', set: this.#class() }
    if (this.#take('.')) return { is: 'set', set: ALL & ~among('\n\r') }
    return { is: 'set', set: this.#single() }
  }

  #single(): Characters {
    const character = this.#character()
    if (character !== '\\') return among(character)
    const escaped = this.#character()
    const known = CLASSES[escaped]
    if (known !== undefined) return known
    if (/[A-Za-z0-9]/.test(escaped)) throw new UnreadablePattern(`\\${escaped}`)
    return among(escaped)
  }

  #class(): Characters {
    const negated = this.#take('^')
    let set = 0n
    while (!this.#take(']')) {
      const from = this.#single()
      if (this.#peek('-') && !this.#peek('-]')) {
        this.#at += 1
        set |= span(codeOf(from), codeOf(this.#single()))
      } else set |= from
    }
    // Of the others some are always left.
    return negated ? (ALL & ~set) | OTHERS : set
  }

  #repeated(of: Tree): Tree {
    const found = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(this.#source.slice(this.#at))?.[0]
    if (found === undefined) return of
    this.#at += found.length
    this.#take('?')
    const [, least = '', comma, most = ''] = /^\{(\d+)(,?)(\d*)\}$/.exec(found) ?? []
    if (found === '?') return { is: 'repeat', of, least: 0, most: 1 }
    if (found === '*' || found === '+') return { is: 'repeat', of, least: found === '*' ? 0 : 1, most: Infinity }
    return { is: 'repeat', of, least: Number(least), most: comma === '' ? Number(least) : most === '' ? Infinity : Number(most) }
  }
}

/** Of a set of one character. */
const codeOf = (set: Characters): number => set.toString(2).length - 1
