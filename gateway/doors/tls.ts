/**
 * The certificate of a port, from two files that are looked at again and again: a new pair serves new connections within
 * seconds, a bad one is refused loudly while the old one goes on serving.
 */
import { statSync } from 'node:fs'
import type https from 'node:https'
import type { Log } from '#contract'
import { type CertificateFiles, type CertificatePair, expiredAt, readPair } from '../../config/certificates.ts'
import { constants } from 'node:crypto'

/** Every port: no version before 1.2, no second handshake inside a connection, and no other protocol than the one that is judged here. */
export const TLS = { minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'], secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const

const LOOK_EVERY_MS = 500

export class CertificateError extends Error {
  override name = 'CertificateError'
}

export class Certificate {
  readonly #files: CertificateFiles
  readonly #log: Log
  readonly #servers: https.Server[] = []
  readonly #timer: NodeJS.Timeout
  #pair: CertificatePair
  /** Of the files when they were last read. */
  #seen: string
  /** Of files that do not fit together: somebody may be in the middle of changing them, so that they get a second look. */
  #doubted: string | undefined

  /** @throws CertificateError where the files are not good */
  constructor(files: CertificateFiles, log: Log) {
    this.#files = files
    this.#log = log
    this.#seen = stampOf(files)
    const read = readPair(files)
    if ('why' in read) throw new CertificateError(`the ${read.of} ${files[read.of]} ${read.why}`)
    this.#pair = read
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  get pair(): CertificatePair {
    return this.#pair
  }

  serveBy(server: https.Server): void {
    this.#servers.push(server)
  }

  /** Once, now. */
  look(): void {
    const stamp = stampOf(this.#files)
    if (stamp === this.#seen) return
    const read = readPair(this.#files)
    if ('why' in read) {
      if (this.#doubted !== stamp) {
        this.#doubted = stamp
        return
      }
      this.#seen = stamp
      this.#log.error({ file: this.#files[read.of] }, `the new ${read.of} ${read.why}; the former certificate goes on serving`)
      return
    }
    this.#seen = stamp
    this.#doubted = undefined
    if (read.cert === this.#pair.cert && read.key === this.#pair.key) return
    this.#take(read)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #take(pair: CertificatePair): void {
    this.#pair = pair
    for (const server of this.#servers) server.setSecureContext({ ...TLS, ...pair })
    this.#log.info({ file: this.#files.cert }, 'a new certificate serves')
    const expired = expiredAt(pair.cert)
    if (expired !== undefined) this.#log.warn({ file: this.#files.cert, expired }, 'the new certificate has expired')
  }
}

/** Changes with whatever is done to the files, also where a link leads elsewhere. */
function stampOf({ cert, key }: CertificateFiles): string {
  return [cert, key].map(stamp).join()
}

function stamp(file: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(file)
    return [dev, ino, size, mtimeMs, ctimeMs].join(':')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}
