/** Which answers are written piece by piece. */
import type { LongText } from '../office/index.ts'

/** An answer that may be longer than memory. */
export const isLong = (value: unknown): value is LongText =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in ((value as LongText).text ?? {})
