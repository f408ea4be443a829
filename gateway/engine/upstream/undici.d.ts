/** The part of undici that makes connections; its type is that of the whole. */
declare module 'undici/lib/core/connect.js' {
  import type { buildConnector } from 'undici'
  const build: (options?: buildConnector.BuildOptions) => buildConnector.connector
  export default build
}
