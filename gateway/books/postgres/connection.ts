/** Connections to PostgreSQL: short patience, whole numbers as bigint, and an address that can be shown because it holds no password. */
import pg from 'pg'

const CONNECT_MS = 1000
/** A write that takes longer is given up, on both sides. */
export const WRITE_MS = 5000
export const READ_MS = 10_000

const INT8 = 20

/** Micro-dollars and counts come as bigint: a double would round them. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === INT8 && format !== 'binary' ? (text: string) => BigInt(text) : pg.types.getTypeParser(oid, format)),
}

export interface Patience {
  readonly use: string
  /** Undefined: as long as it takes. */
  readonly queryMs?: number
}

const configOf = (url: string, { use, queryMs }: Patience): pg.ClientConfig => ({
  connectionString: url,
  types,
  application_name: `atlas ${use}`,
  connectionTimeoutMillis: CONNECT_MS,
  keepAlive: true,
  // A process whose machine is gone holds the lock no longer than this.
  options: '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3',
  // The server gives up a little earlier, so that what was given up here does not happen there later.
  ...(queryMs === undefined ? {} : { query_timeout: queryMs, statement_timeout: queryMs - queryMs / 5 }),
})

/** @throws Error when nobody answers within a second */
export async function connect(url: string, patience: Patience): Promise<pg.Client> {
  const client = new pg.Client(configOf(url, patience))
  // Without a listener a connection that breaks would end the process; whoever uses it next hears of it.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    discard(client)
    throw error
  }
}

export function poolOf(url: string, patience: Patience): pg.Pool {
  const pool = new pg.Pool({ ...configOf(url, patience), max: 4, idleTimeoutMillis: READ_MS })
  pool.on('error', () => undefined)
  return pool
}

/** Whatever it was doing. */
export function discard(client: pg.Client | undefined): void {
  void client?.end().catch(() => undefined)
}
