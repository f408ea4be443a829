/** Listens on a free port of loopback and tells the parent which. */

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export function ready(server: Server): void {
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => announce(server))
}

export function announce(server: Server): void {
  process.send?.({ port: (server.address() as AddressInfo).port })
  process.on('disconnect', () => process.exit(0))
}
