/** Mutants of one module as it runs: each is one small change that some test ought to notice. Parsed from dist, where nothing is a type. */

import { createHash } from 'node:crypto'
import ts from 'typescript'
import { luaEdits } from './lua.ts'

export interface Edit {
  /** In the text of the module. */
  readonly from: number
  readonly to: number
  readonly by: string
  readonly kind: string
}

export interface Mutant extends Edit {
  /** The same for the same change of the same line, wherever the line stands. */
  readonly id: string
  /** From the repository's root, of dist. */
  readonly file: string
  readonly original: string
  /** Inside a script of the store: no engine says which tests ran that line. */
  readonly lua: boolean
}

const K = ts.SyntaxKind

const SWAPPED = new Map<ts.SyntaxKind, readonly string[]>([
  [K.LessThanToken, ['<=', '>=']],
  [K.LessThanEqualsToken, ['<', '>']],
  [K.GreaterThanToken, ['>=', '<=']],
  [K.GreaterThanEqualsToken, ['>', '<']],
  [K.EqualsEqualsEqualsToken, ['!==']],
  [K.ExclamationEqualsEqualsToken, ['===']],
  [K.AmpersandAmpersandToken, ['||']],
  [K.BarBarToken, ['&&']],
  [K.QuestionQuestionToken, ['&&']],
  [K.PlusToken, ['-']],
  [K.MinusToken, ['+']],
  [K.AsteriskToken, ['/']],
  [K.SlashToken, ['*']],
  [K.PercentToken, ['*']],
  [K.PlusEqualsToken, ['-=']],
  [K.MinusEqualsToken, ['+=']],
  [K.AmpersandToken, ['|']],
  [K.BarToken, ['&']],
  [K.LessThanLessThanToken, ['>>']],
  [K.GreaterThanGreaterThanToken, ['<<']],
])
const COMPARES = new Set(['<', '<=', '>', '>=', '===', '!=='])
const JOINS = new Set(['&&', '||', '??'])
const SAYS = /^([\w#]+\.)*#?log\??\.(debug|info|warn|error)\(/

/** What is only said: texts for people are no guarantee, and neither is whether something is said at all. */
const isProse = (node: ts.Node): boolean =>
  (ts.isCallExpression(node) && SAYS.test(node.getText())) ||
  (ts.isNewExpression(node) && /(Error|Complaint)$/.test(node.expression.getText())) ||
  ts.isImportDeclaration(node) ||
  ts.isExportDeclaration(node)

export function mutantsOf(file: string, text: string): Mutant[] {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS)
  const found: (Edit & { readonly lua?: boolean })[] = []
  const see = (node: ts.Node): void => {
    if (isProse(node)) return
    found.push(...editsOf(node))
    if (ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (file.includes('/redis/script')) found.push(...luaEdits(node.getText(), node.getStart()).map((edit) => ({ ...edit, lua: true })))
    }
    ts.forEachChild(node, see)
  }
  see(tree)
  return named(file, text, found)
}

function named(file: string, text: string, edits: readonly (Edit & { readonly lua?: boolean })[]): Mutant[] {
  const times = new Map<string, number>()
  return edits.map((edit) => {
    const { from, to, by } = edit
    const original = text.slice(from, to)
    const key = [file, lineAt(text, from), original, by].join('\n')
    const time = (times.get(key) ?? 0) + 1
    times.set(key, time)
    const id = createHash('sha256').update(`${key}\n${time}`).digest('hex').slice(0, 8)
    return { ...edit, id, file, original, lua: edit.lua === true }
  })
}

export const lineAt = (text: string, at: number): string => {
  const end = text.indexOf('\n', at)
  return text.slice(text.lastIndexOf('\n', at - 1) + 1, end < 0 ? text.length : end).trim()
}

function editsOf(node: ts.Node): Edit[] {
  const edit = (kind: string, by: string, at: ts.Node = node): Edit => ({ kind, by, from: at.getStart(), to: at.getEnd() })
  if (ts.isBinaryExpression(node)) return operatorEdits(node)
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return [edit('negated condition', `!(${node.expression.getText()})`, node.expression)]
  if (ts.isConditionalExpression(node)) return [edit('negated condition', `!(${node.condition.getText()})`, node.condition)]
  if (ts.isPrefixUnaryExpression(node) && node.operator === K.ExclamationToken) return [edit('negated condition', node.operand.getText())]
  if (ts.isAwaitExpression(node)) return [edit('removed await', node.expression.getText())]
  if (node.kind === K.TrueKeyword) return [edit('true/false', 'false')]
  if (node.kind === K.FalseKeyword) return [edit('true/false', 'true')]
  if (ts.isNumericLiteral(node) || ts.isBigIntLiteral(node)) return constantEdits(node)
  if (ts.isExpressionStatement(node)) return removable(node) ? [edit('removed statement', ';')] : []
  if (ts.isBreakStatement(node) || ts.isContinueStatement(node)) return ts.isCaseClause(node.parent) ? [] : [edit('removed statement', ';')]
  if (ts.isArrayLiteralExpression(node) || ts.isObjectLiteralExpression(node)) return elementEdits(node)
  if (ts.isBlock(node) && ts.isFunctionLike(node.parent) && node.statements.length > 1) {
    const at = node.getStart() + 1
    return [{ kind: 'returned early', by: ' return;', from: at, to: at }]
  }
  return []
}

const isText = (node: ts.Node): boolean =>
  ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)))

function operatorEdits(node: ts.BinaryExpression): Edit[] {
  const sign = node.operatorToken
  const text = sign.getText()
  const sums = text === '+' || text === '+='
  if (sums && (isText(node.left) || isText(node.right))) return []
  const kind = COMPARES.has(text) ? 'comparison' : JOINS.has(text) ? 'and/or' : 'arithmetic'
  return (SWAPPED.get(sign.kind) ?? []).map((by) => {
    // Mixed with ?? neither && nor || parses without brackets.
    if (JOINS.has(text)) return { kind, from: node.getStart(), to: node.getEnd(), by: `(${node.left.getText()}) ${by} (${node.right.getText()})` }
    return { kind, from: sign.getStart(), to: sign.getEnd(), by }
  })
}

function constantEdits(node: ts.NumericLiteral | ts.BigIntLiteral): Edit[] {
  const big = ts.isBigIntLiteral(node)
  const value = BigInt(big ? node.text.replace(/n$/, '') : Number.isInteger(Number(node.text)) ? node.text : 0)
  const by = (text: bigint): Edit => ({ kind: 'constant', from: node.getStart(), to: node.getEnd(), by: `${text}${big ? 'n' : ''}` })
  if (ts.isPrefixUnaryExpression(node.parent)) return [by(value + 1n)]
  // One more or less of a time or a size is nobody's promise; that there is such a limit is.
  if (value >= 100n && ts.isVariableDeclaration(node.parent) && /^[A-Z_\d]+$/.test(node.parent.name.getText())) return [by(0n)]
  return value === 0n ? [by(1n)] : [by(value + 1n), by(value - 1n)]
}

function removable({ expression }: ts.ExpressionStatement): boolean {
  if (ts.isStringLiteral(expression) || isProse(expression)) return false
  return !(ts.isCallExpression(expression) && expression.expression.kind === K.SuperKeyword)
}

/** An element with its comma; of objects only what is spread, because a member that is not there is often a type's business. */
function elementEdits(node: ts.ArrayLiteralExpression | ts.ObjectLiteralExpression): Edit[] {
  const parts: ts.NodeArray<ts.Node> = ts.isArrayLiteralExpression(node) ? node.elements : node.properties
  return parts.flatMap((part, index): Edit[] => {
    const from = part.getStart()
    if (ts.isSpreadElement(part)) return [{ kind: 'removed spread', by: '...[]', from, to: part.getEnd() }]
    if (ts.isSpreadAssignment(part)) return [{ kind: 'removed spread', by: '...{}', from, to: part.getEnd() }]
    if (!ts.isArrayLiteralExpression(node) || ts.isOmittedExpression(part)) return []
    return [{ kind: 'removed element', by: '', from, to: parts[index + 1]?.getStart() ?? parts.end }]
  })
}
