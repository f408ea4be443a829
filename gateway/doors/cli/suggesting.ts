/** What a person may have meant, in one sentence. */
import { hint } from '../../../config/complaints.ts'

interface Misnamed {
  /** In a word: connection, owner, format. */
  readonly what: string
  /** Where an option names it. */
  readonly option?: string
  readonly named: string
  readonly of: Iterable<string>
}

/** `there is no connection nanson; nearest: nansen`. */
export function oneOf({ what, option, named, of }: Misnamed): string {
  const names = [...new Set(of)]
  if (names.length === 0) return `there is no ${what} ${named}; there is none at all`
  const said = option === undefined ? `there is no ${what} ${named}` : `${option} ${named} is no ${what}`
  return `${said}; ${hint(named, names)}`
}
