/** The same for the scripts that Redis runs: Lua in template texts, changed word by word. */

import type { Edit } from './mutants.ts'

const RULES: readonly { readonly kind: string; readonly find: RegExp; by(found: string): readonly string[] }[] = [
  {
    kind: 'comparison',
    find: /(?<= )(<=|>=|<|>|==|~=)(?= )/g,
    by: (sign) => ({ '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'], '==': ['~='], '~=': ['=='] })[sign] ?? [],
  },
  { kind: 'and/or', find: /(?<= )(and|or)(?= )/g, by: (word) => [word === 'and' ? 'or' : 'and'] },
  { kind: 'negated condition', find: /\bnot (?=[a-z(])/g, by: () => [''] },
  { kind: 'arithmetic', find: /(?<=[\w)\]] )[+*-](?= [\w(])/g, by: (sign) => [sign === '+' ? '-' : sign === '-' ? '+' : '/'] },
  { kind: 'constant', find: /(?<=[ (])\d+(?=[ ,)]|$)/gm, by: (digits) => [String(Number(digits) + 1)] },
  { kind: 'removed statement', find: /(?<=^\s*)[a-zA-Z]+\([^\n]*\)$/gm, by: () => [''] },
  { kind: 'removed statement', find: /(?<=^\s*)[a-z]+(\.[a-z]+)? = [^\n]*[^\n{(]$/gm, by: () => [''] },
]

const COMMENT = /--[^\n]*/g
const QUOTED = /'[^'\n]*'/g

/** `at`: where the text begins in its module. */
export function luaEdits(text: string, at: number): Edit[] {
  const silent = [...text.matchAll(COMMENT), ...text.matchAll(QUOTED)].map((found) => [found.index, found.index + found[0].length] as const)
  return RULES.flatMap(({ kind, find, by }) =>
    [...text.matchAll(find)]
      .filter(({ index }) => !silent.some(([from, to]) => from <= index && index < to))
      .flatMap(({ 0: found, index }) => by(found).map((other) => ({ kind, by: other, from: at + index, to: at + index + found.length }))),
  )
}
