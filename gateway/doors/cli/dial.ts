/**
 * The way to the admin port. Where it serves https, the very certificate that this configuration names is trusted and no
 * other, whatever name it is for: the command speaks to an address of this machine, and knows the file.
 */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { GatewayConfig } from '../../../config/model.ts'
import { readPair } from '../../../config/certificates.ts'

/** As the global one. */
export type Dial = (url: string, init: RequestInit) => Promise<Response>

/** `done` ends the connections, so that the command can end. */
export async function dialTo({ admin }: GatewayConfig): Promise<{ dial: Dial; done: () => Promise<void> }> {
  if (admin.tls === undefined) return { dial: (url, init) => fetch(url, init), done: async () => undefined }
  const { tls } = admin
  // Of a CommonJS library that is loaded late, a bundle knows nothing but the default.
  const { Agent, buildConnector, fetch: fetchBy } = (await import('undici')).default
  // A session that is taken up again shows no certificate.
  const connect = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0 })
  const dispatcher = new Agent({
    connect: (options, callback) =>
      connect(options, (...[error, socket]) => {
        if (error !== null || isOurs(socket as TLSSocket, tls)) return error === null ? callback(null, socket) : callback(error, null)
        socket.destroy()
        callback(new Error('the certificate there is not that of the configuration'), null)
      }),
  })
  const dial = async (url: string, init: RequestInit): Promise<Response> =>
    (await fetchBy(url, { ...init, dispatcher } as Parameters<typeof fetchBy>[1])) as unknown as Response
  return { dial, done: () => dispatcher.close() }
}

function isOurs(socket: TLSSocket, files: NonNullable<GatewayConfig['admin']['tls']>): boolean {
  const read = readPair(files)
  return 'cert' in read && new X509Certificate(read.cert).raw.equals(socket.getPeerCertificate().raw)
}
