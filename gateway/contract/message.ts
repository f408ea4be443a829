/** What an error says of itself: for sentences that people read and for the log. */
export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
