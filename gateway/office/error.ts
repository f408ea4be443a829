/** What an office answers when it cannot do what was asked. */

/** One sentence for the person who asked. */
export class OfficeError extends Error {
  override name = 'OfficeError'
}
