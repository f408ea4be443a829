/**
 * The limit of open connections of a worker. That of node:net hands a connection that is too many back to the process that accepted
 * it, which offers it to the next worker: with all of them full it would go round for ever.
 */
import type { Server, Socket } from 'node:net'
import type { GatewayConfig, Limits } from '../../../config/model.ts'

export function endBeyond(server: Server, most: () => number): void {
  let open = 0
  server.maxConnections = Number.POSITIVE_INFINITY
  server.on('connection', (socket: Socket) => {
    if (open >= most()) return void socket.destroy()
    open += 1
    socket.once('close', () => {
      open -= 1
    })
  })
}

/** Connections are handed to the workers in turn, so that each may hold its part of what the gateway may. */
export const partOf = ({ limits, workers }: GatewayConfig): Limits => ({
  ...limits,
  connections: Math.ceil(limits.connections / workers),
  connectionsPerAddress: Math.ceil(limits.connectionsPerAddress / workers),
})
