/**
 * HTTP/1.1 towards providers. Read `exchange.ts` first, for one request and what comes of it; then `line.ts` for one
 * connection, `lines.ts` for those to one provider, `reader.ts` for where an answer begins and ends, `connect.ts` for where
 * connections may lead, `outbound.ts` for requests of our own (facilitators). Never here: money, plugins, which connection is chosen.
 */
export { connectorOf } from './connect.ts'
export { type Desk, Exchange } from './exchange.ts'
export { Lines } from './lines.ts'
export { outboundTo } from './outbound.ts'
