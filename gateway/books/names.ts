/** Names of accounts that nearly every charge moves, made once: a text that is made anew is hashed anew by every map that it meets. */
const KNOWN = 20_000

function naming(prefix: string): (of: string) => string {
  const known = new Map<string, string>()
  return (of) => {
    let name = known.get(of)
    if (name === undefined) {
      name = prefix + of
      if (known.size < KNOWN) known.set(of, name)
    }
    return name
  }
}

export const creditOf = naming('liab:credit:')
export const ownerOf = naming('liab:owner:')
