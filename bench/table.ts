/** Tables that a person reads in a terminal and a page shows as they are. */

const NONE = '-'

export const shown = (value: number | undefined, digits: number, unit = ''): string =>
  value === undefined || !Number.isFinite(value)
    ? NONE
    : `${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}${unit}`

export const times = (value: number | undefined): string => (value === undefined ? NONE : `${value.toFixed(2)}×`)

/** The first column is text, the others stand on the right. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...lines].map((line) => (line[column] as string).length)))
  const cell = (text: string, column: number): string => (column === 0 ? text.padEnd(widths[0] as number) : text.padStart(widths[column] as number))
  const printed = (line: readonly string[]): string => `| ${line.map(cell).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [printed(head), rule, ...lines.map(printed)].join('\n')
}
