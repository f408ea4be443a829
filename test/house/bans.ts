/** Words that are not used here, where they are nevertheless, and what to use instead. */

import ts from 'typescript'
import { lineOf, type Source, walk } from './sources.ts'

export interface Ban {
  readonly word: string
  readonly remedy: string
  allowed(file: string): boolean
  /** The lines on which it stands. */
  find(source: Source): number[]
}

const nowhere = (): boolean => false

/** Looks at the tree, so that comments and strings do not count. */
const inCode =
  (is: (node: ts.Node, file: string) => boolean) =>
  ({ file, tree }: Source): number[] => {
    const lines: number[] = []
    walk(tree, (node) => {
      if (is(node, file)) lines.push(lineOf(node))
    })
    return lines
  }

const inText =
  (word: string) =>
  ({ text }: Source): number[] =>
    text.split('\n').flatMap((line, index) => (line.includes(word) ? [index + 1] : []))

const MONEY = /price|amount|usd|balance|revenue|share|cost|credit|micros/i

const isMember = (node: ts.Node, object: string, name: string): boolean =>
  ts.isPropertyAccessExpression(node) && node.expression.getText() === object && node.name.text === name

const isNumberOfMoney = (node: ts.Node, file: string): boolean =>
  ts.isCallExpression(node) &&
  node.expression.getText() === 'Number' &&
  (file.startsWith('gateway/books/') || MONEY.test(node.arguments.map((argument) => argument.getText()).join()))

export const bans: readonly Ban[] = [
  {
    word: 'parseFloat',
    remedy: 'use parseUsd or parseDecimal of #contract',
    allowed: nowhere,
    find: inCode((node) => ts.isIdentifier(node) && node.text === 'parseFloat'),
  },
  {
    word: 'as any',
    remedy: 'name the type, or take unknown and check it',
    allowed: nowhere,
    find: inCode((node) => (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) && node.type.kind === ts.SyntaxKind.AnyKeyword),
  },
  {
    word: 'console.log',
    remedy: 'use the log port; only doors print',
    allowed: (file) => /^(gateway\/doors|bench)\//.test(file) || file === 'gateway/build.mjs' || /(^|\/)generate\.(ts|mjs)$/.test(file),
    find: inCode((node) => isMember(node, 'console', 'log')),
  },
  {
    word: '.only(',
    remedy: 'remove it, so that the whole file runs',
    allowed: nowhere,
    find: inCode((node) => ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'only'),
  },
  {
    word: `FIX${'ME'}`,
    remedy: 'finish it, or write the decision to docs/DECISIONS.md',
    allowed: nowhere,
    find: inText(`FIX${'ME'}`),
  },
  {
    word: 'Number(',
    remedy: 'money and the books stay bigint: use the helpers of gateway/contract/money.ts',
    allowed: (file) => /^(test|bench)\//.test(file),
    find: inCode(isNumberOfMoney),
  },
]
