/** Names of a ledger in PostgreSQL that can be shown, and that need no connection to be known. */
import { UnfitError } from '../unfit.ts'

/** Host, port and database. */
export function addressOf(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url)
    return `${hostname}:${port === '' ? '5432' : port}${pathname}`
  } catch {
    return 'ledger.url'
  }
}

/** Quoted. @throws UnfitError for a name that PostgreSQL would cut off */
export function schemaOf(name: string): string {
  const schema = `atlas_${name}`
  if (Buffer.byteLength(schema) > 63) throw new UnfitError(`store.name ${name} is too long for a ledger in PostgreSQL; expected at most 57 bytes`)
  return `"${schema.replaceAll('"', '""')}"`
}
