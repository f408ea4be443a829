/** Which sources and which tests belong to a room that is tried. */

export interface Room {
  readonly sources: RegExp
  /** Folders of test/ whose tests are asked: its own first, and those of its neighbours that take no longer than a moment. */
  readonly tests: readonly string[]
}

/** Longer tests of other rooms say the same later. */
export const NEIGHBOUR_MS = 6_000

export const rooms: Readonly<Record<string, Room>> = {
  engine: { sources: /^gateway\/engine\//, tests: ['engine', 'plugins', 'payments', 'kit'] },
  stores: { sources: /^gateway\/stores\//, tests: ['stores', 'books', 'engine', 'plugins', 'economics'] },
  books: { sources: /^gateway\/books\//, tests: ['books', 'stores', 'office', 'ground'] },
  plugins: { sources: /^plugins\//, tests: ['plugins', 'engine', 'kit', 'payments'] },
  contract: { sources: /^gateway\/contract\//, tests: ['contract', 'engine', 'stores', 'books', 'plugins', 'payments', 'config'] },
}
