/** Lengths: lines of files and of functions, with the names under which exceptions are listed. */

import ts from 'typescript'
import { lineOf, type Source, walk } from './sources.ts'

export const FILE_LINES = 250
export const FUNCTION_LINES = 50

export interface Length {
  /** `gateway/x.ts`, or `gateway/x.ts reserve` for a function. */
  readonly name: string
  readonly line: number
  readonly lines: number
}

export const fileLength = ({ file, text }: Source): Length => ({ name: file, line: 1, lines: text.replace(/\n$/, '').split('\n').length })

/** Every function with a body. The callbacks of tests are left out: a test is as long as its story, and its file is measured. */
export function functionLengths(source: Source): Length[] {
  const found: Length[] = []
  walk(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined || isTestCallback(source, node)) return
    const line = lineOf(node)
    const last = source.tree.getLineAndCharacterOfPosition(node.getEnd()).line + 1
    found.push({ name: `${source.file} ${nameOf(node)}`, line, lines: last - line + 1 })
  })
  return found
}

const isTestCallback = (source: Source, node: ts.Node): boolean =>
  source.file.startsWith('test/') && ts.isCallExpression(node.parent) && /\btest$/.test(node.parent.expression.getText())

function nameOf(node: ts.Node): string {
  if (ts.isConstructorDeclaration(node)) return `${nameOf(node.parent)}.constructor`
  if ('name' in node && node.name !== undefined) return (node.name as ts.Node).getText()
  const { parent } = node
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) return parent.name.getText()
  if (ts.isCallExpression(parent)) return `${parent.expression.getText().split('\n')[0]}(…)`
  return 'default'
}
