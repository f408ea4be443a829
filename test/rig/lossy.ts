/** Between store and Redis: passes everything on, and loses the replies while it is told to. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Teardown } from './folder.ts'
import type { RigRedis } from './redis.ts'

export async function lossy(t: Teardown, target: RigRedis): Promise<{ url: string; lose(on: boolean): void }> {
  let losing = false
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const up = connect(target.port, '127.0.0.1')
    sockets.add(client).add(up)
    client.on('data', (data) => up.write(data))
    up.on('data', (data) => {
      // The command was carried out; nobody hears of it.
      if (losing) client.destroy()
      else client.write(data)
    })
    for (const socket of [client, up]) socket.on('error', () => socket.destroy())
    client.on('close', () => up.destroy())
    up.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lose: (on) => {
      losing = on
    },
  }
}
