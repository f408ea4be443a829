/** Certificate and key of a port: read from their files and tried, at load and whenever the files change. */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { type Complaints, START } from './complaints.ts'
import { childOf, entryOf, type Node, shown } from './yaml.ts'

/** Absolute paths. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** As the files hold them, PEM. */
export interface CertificatePair {
  readonly cert: string
  readonly key: string
}

/** `why` goes on from the name of the file: "cannot be read: …". */
export interface BadPair {
  readonly of: 'cert' | 'key'
  readonly why: string
}

/** Never throws for what the files hold, and never says any of it. */
export function readPair(files: CertificateFiles): CertificatePair | BadPair {
  const cert = textOf(files.cert, 'cert')
  if (typeof cert !== 'string') return cert
  const key = textOf(files.key, 'key')
  if (typeof key !== 'string') return key
  const parsed = certificateIn(cert)
  if (parsed === undefined) return { of: 'cert', why: 'holds no certificate; expected PEM, the own certificate first' }
  const own = keyIn(key)
  if ('why' in own) return own
  if (!parsed.checkPrivateKey(own.key)) return { of: 'key', why: 'does not belong to the certificate; expected the private key that it was made with' }
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    return { of: 'cert', why: `is not taken by TLS (${(error as NodeJS.ErrnoException).code ?? 'unknown'}); expected a whole chain of certificates, PEM` }
  }
  return { cert, key }
}

const REASONS: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'this user may not read it' }

function textOf(file: string, of: BadPair['of']): string | BadPair {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    return { of, why: `cannot be read: ${REASONS[code] ?? code}; expected a PEM file` }
  }
}

function certificateIn(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

function keyIn(text: string): { key: KeyObject } | BadPair {
  try {
    return { key: createPrivateKey(text) }
  } catch {
    const locked = text.includes('ENCRYPTED')
    return { of: 'key', why: locked ? 'is locked with a passphrase; expected a key without one' : 'holds no private key; expected PEM' }
  }
}

/** ISO day since which nobody accepts it; undefined: it is still good. */
export function expiredAt(cert: string, nowMs = Date.now()): string | undefined {
  const until = new Date(certificateIn(cert)?.validTo ?? Number.NaN)
  return until.getTime() <= nowMs ? until.toISOString().slice(0, 10) : undefined
}

interface Written {
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** `section` is where `tls` stands: the top, or admin. `resolve` makes a path absolute. */
export function checkCertificate(written: Written | undefined, section: Node | undefined, complaints: Complaints, where: Where): void {
  const { cert, key } = written ?? {}
  if (cert === undefined || key === undefined) return
  const node = childOf(section, 'tls')
  const read = readPair({ cert: where.resolve(cert), key: where.resolve(key) })
  if ('why' in read) {
    const place = childOf(node, read.of) ?? entryOf(section, 'tls')?.key ?? START
    return complaints.error(place, `${where.name}.${read.of} ${shown(childOf(node, read.of), read.of === 'cert' ? cert : key)} ${read.why}`)
  }
  const expired = expiredAt(read.cert)
  if (expired !== undefined)
    complaints.warn(childOf(node, 'cert') ?? START, `${where.name}.cert has expired on ${expired}, and no client accepts it; replace the file`)
}

interface Where {
  /** `tls` or `admin.tls`. */
  readonly name: string
  resolve(path: string): string
}
