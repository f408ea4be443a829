/** A cause for the log: what is in an Error, also within another value, which JSON would leave out. */

const DEPTH = 4

export function describe(cause: unknown, depth = 0): unknown {
  if (typeof cause !== 'object' || cause === null || Array.isArray(cause) || depth > DEPTH) return cause
  if (cause instanceof Error) {
    const { name, message, stack } = cause
    return { name, message, stack, ...(cause.cause === undefined ? {} : { cause: describe(cause.cause, depth + 1) }) }
  }
  return Object.fromEntries(Object.entries(cause).map(([name, value]) => [name, describe(value, depth + 1)]))
}
