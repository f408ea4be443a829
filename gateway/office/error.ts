/** What an office answers when it cannot do what was asked. */

/** One sentence for the person who asked, or several, a line each. */
export class OfficeError extends Error {
  override name = 'OfficeError'
  /** For programs, beside the sentence. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(message: string, members: OfficeError['members'] = {}) {
    super(message)
    this.members = members
  }
}
