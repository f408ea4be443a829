/** Tables that a person reads at a glance; colour only on a terminal. */

type Align = 'left' | 'right'

export interface Column {
  readonly title: string
  readonly align?: Align
}

/** A column of figures. */
export const right = (title: string): Column => ({ title, align: 'right' })

export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (columns[at]?.align === 'right' ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd()
  return [bold(line(columns.map(({ title }) => title))), ...rows.map(line)].join('\n')
}

export const colourful = (): boolean => process.stdout.isTTY === true && process.env.NO_COLOR === undefined

export const bold = (text: string): string => (colourful() ? `\u001b[1m${text}\u001b[22m` : text)
