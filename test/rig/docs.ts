/** Pages of docs/ as a reader finds them: their fenced blocks, and what differs in what commands say from one time to the next. */

/** A block as it is written: ```language note */
export interface Block {
  /** Of the opening fence. */
  readonly line: number
  readonly language: string
  /** What stands behind the language: empty, or why nobody runs it. */
  readonly note: string
  readonly text: string
  /** Where a line with nothing but a path in backquotes stands before it: the file that it is to become. */
  readonly path: string | undefined
}

const BLOCK = /(?:^`([^`\n]+)`:\n\n)?^```(\w*)([^\n]*)\n([\s\S]*?)^```$/gm

export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(BLOCK)].map((found) => {
    const [whole, path, language = '', note = '', text = ''] = found
    const before = page.slice(0, found.index + whole.indexOf('```'))
    return { line: before.split('\n').length, language, note: note.trim(), text, path }
  })
}

/** Lines that Markdown shows as code without a fence, where nobody can say what they are. */
export function unfenced(page: string): readonly number[] {
  const lines = page.replace(BLOCK, (block) => block.replace(/[^\n]/g, '')).split('\n')
  return lines.flatMap((line, at) => (/^ {4}\S/.test(line) && (lines[at - 1] ?? '').trim() === '' && !isListed(lines, at) ? [at + 1] : []))
}

/** Four blanks below a point of a list are its second paragraph. */
function isListed(lines: readonly string[], at: number): boolean {
  const above = lines.slice(0, at).reverse()
  const head = above.find((line) => /^\S/.test(line))
  return head !== undefined && /^([-*]|\d+\.) /.test(head)
}

/** A command and what it said, as a shell shows both. */
export interface Exchange {
  readonly command: string
  readonly said: string
}

/** Lines that begin with `$ ` are commands, those with `> ` go on with one; the others are what it says. */
export function exchangesIn(text: string): readonly Exchange[] {
  const found: { command: string; said: string }[] = []
  for (const line of text.split('\n')) {
    const last = found.at(-1)
    if (line.startsWith('$ ')) found.push({ command: line.slice(2), said: '' })
    else if (line.startsWith('> ') && last !== undefined && last.said === '') last.command += `\n${line.slice(2)}`
    else if (last !== undefined) last.said += `${line}\n`
  }
  return found
}

export const written = (exchanges: readonly Exchange[]): string =>
  exchanges.map(({ command, said }) => `$ ${command.replaceAll('\n', '\n> ')}\n${said.trim() === '' ? '' : `${said.trimEnd()}\n`}`).join('')

/** What is another each time, in the order in which it is looked for. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/\r/g, ''],
  [/atlas_[A-Za-z0-9_-]{40,}/g, 'atlas_…'],
  [/\bk_[0-9a-f]{18}\b/g, 'k_…'],
  [/\brc_[A-Za-z0-9_-]+/g, 'rc_…'],
  [/\b[0-9a-f]{12}-[0-9a-z]+\b/g, '…'],
  [/0x[0-9a-fA-F]{64}\b/g, '0x…'],
  [/\b[A-Za-z0-9+/_-]{200,}=*/g, '…'],
  [/\b(ready in|took) \d+ ms/g, '$1 … ms'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g, 'YYYY-MM-DDThh:mm'],
  [/\b20\d\d-\d\d-\d\d\b/g, 'YYYY-MM-DD'],
  [/\b20\d\d-\d\d\b/g, 'YYYY-MM'],
  [/^(date: ).*$/gim, '$1…'],
  [/^(keep-alive: |content-length: ).*$/gim, '$1…'],
  // How long providers took is wider one time than another: the two columns are left out.
  [/ +good +ms {2}health/g, '  health'],
  [/ +(?:\d+ %|-) +(?:\d+|-) {2}(?=[a-z]+ +(?:YYYY|20\d\d))/g, '  '],
  [/^(ratelimit: ).*$/gim, '$1…'],
  [/in \d+(\.\d+)?m?s$/gm, 'in …'],
]

export const settled = (said: string): string => VOLATILE.reduce((text, [what, by]) => text.replace(what, by), said)
