/** Certificates of test/rig/tls in a folder of the test, where it can change them. Test only, and trusted by nobody. */

import { copyFileSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { connect, type TLSSocket } from 'node:tls'
import { ROOT } from './atlas.ts'

const HERE = join(ROOT, 'test/rig/tls')

export interface Certificates {
  /** As a configuration writes it. */
  readonly tls: { readonly cert: string; readonly key: string }
  /** Puts other files in place, each by a rename. */
  put(cert: string, key: string): void
}

export function certificatesIn(folder: string): Certificates {
  const within = join(folder, 'tls')
  mkdirSync(within)
  const put = (cert: string, key: string): void => {
    for (const [name, from] of [
      ['cert.pem', cert],
      ['key.pem', key],
    ] as const) {
      copyFileSync(join(HERE, from), join(within, `${name}.new`))
      renameSync(join(within, `${name}.new`), join(within, name))
    }
  }
  put('first.pem', 'first-key.pem')
  return { tls: { cert: './tls/cert.pem', key: './tls/key.pem' }, put }
}

export const fingerprintOf = (name: string): string => new X509Certificate(readFileSync(join(HERE, name))).fingerprint256

/** A handshake, with what was agreed on. @throws Error where there is none */
export function handshake(url: string, options: object = {}): Promise<TLSSocket> {
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false, ...options }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Of whoever answers there now. */
export async function servedBy(url: string): Promise<string> {
  const socket = await handshake(url)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}
