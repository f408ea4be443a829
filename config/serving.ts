/** Where the gateway listens and what it runs on: settings that fit by themselves but not with each other, or not with this version. */

import { isIP } from 'node:net'
import { type CertificateFiles, checkCertificate } from './certificates.ts'
import { type Complaints, START } from './complaints.ts'
import type { CoreFields } from './core.ts'
import { checkDrivers } from './drivers.ts'
import type { Decoded } from './fields.ts'
import type { GatewayConfig } from './model.ts'
import { fitsHeader } from './credentials.ts'
import { isLoopback } from './urls.ts'
import { childOf, entryOf, type MapNode, type Node, shown } from './yaml.ts'

export interface Ports {
  readonly port?: number
  readonly adminPort?: number
}

interface Surroundings {
  readonly ports: Ports
  /** Makes a path absolute. */
  resolve(path: string): string
}

/** Timers of the runtime overflow beyond this and would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

export function checkServing(values: Decoded<CoreFields>, root: MapNode, complaints: Complaints, { ports, resolve }: Surroundings): void {
  checkPorts(ports, complaints)
  checkAddresses(values, root, complaints, ports)
  checkToken(values.admin?.token, childOf(childOf(root, 'admin'), 'token'), complaints)
  checkDrivers(values, root, complaints)
  checkWorkers(values, root, complaints)
  checkTimers(root, complaints, { upstream: values.upstream, limits: values.limits })
  checkPublicUrl(values.public_url, childOf(root, 'public_url'), complaints)
  checkCertificate(values.tls, root, complaints, { name: 'tls', resolve })
  checkCertificate(values.admin?.tls, childOf(root, 'admin'), complaints, { name: 'admin.tls', resolve })
  checkProxies(values.trusted_proxies ?? [], childOf(root, 'trusted_proxies'), complaints)
}

/** The journal of an embedded store has one writer. */
function checkWorkers({ workers = 1, store }: Decoded<CoreFields>, root: MapNode, complaints: Complaints): void {
  const place = childOf(root, 'workers')
  if (workers === 1 || store?.driver === 'redis' || place === undefined || complaints.spoiled(childOf(childOf(root, 'store'), 'driver'))) return
  complaints.error(
    place,
    `workers ${workers} need a Redis store, which several processes can share; expected 1, or store: { driver: redis, url: redis://127.0.0.1:6379 }`,
  )
}

function checkPorts({ port, adminPort }: Ports, complaints: Complaints): void {
  for (const [name, value] of [
    ['PORT', port],
    ['ADMIN_PORT', adminPort],
  ] as const)
    if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= 65_535))
      complaints.missing(START, `${name} of the environment is no port; expected 0 to 65535`)
}

function checkAddresses(values: Decoded<CoreFields>, root: MapNode, complaints: Complaints, ports: Ports): void {
  const admin = values.admin?.listen
  if (values.listen === undefined || admin === undefined) return
  const { host, port } = { host: values.listen.host, port: ports.port ?? values.listen.port }
  const place = entryOf(childOf(root, 'admin'), 'listen')?.value ?? entryOf(root, 'listen')?.value ?? START
  if (port !== 0 && port === (ports.adminPort ?? admin.port) && host === admin.host)
    complaints.error(place, `admin.listen is the address of listen, ${host}:${port}; expected another port`)
  const tokenless = values.admin?.token === undefined && !complaints.spoiled(childOf(childOf(root, 'admin'), 'token'))
  if (tokenless && !isLoopback(admin.host))
    complaints.error(place, `admin.listen ${admin.host} is beyond loopback, where admin.token is required; expected 127.0.0.1, or token: \${ATLAS_ADMIN_TOKEN}`)
}

function checkToken(token: string | undefined, node: Node | undefined, complaints: Complaints): void {
  if (token === undefined || node === undefined) return
  if (token.startsWith('vault:'))
    complaints.error(node, `${shown(node, token)} cannot be resolved: the vault holds credentials of connections; expected \${ATLAS_ADMIN_TOKEN}`)
  else if (!fitsHeader(token))
    complaints.error(node, 'admin.token begins or ends with a space, or holds a character that no header takes; expected the token alone')
}

/** The addresses to listen on and what serves there; PORT and ADMIN_PORT change the ports alone. `resolve` makes a path absolute. */
export function addressesOf(values: Decoded<CoreFields>, { port, adminPort }: Ports, resolve: (path: string) => string): Addresses {
  const listen = values.listen ?? { host: '127.0.0.1', port: 0 }
  const admin = values.admin?.listen ?? listen
  const token = values.admin?.token
  const served = filesOf(values.tls, resolve)
  const tls = filesOf(values.admin?.tls, resolve) ?? served
  return {
    ...(served === undefined ? {} : { tls: served }),
    listen: { ...listen, port: port ?? listen.port },
    admin: { ...admin, port: adminPort ?? admin.port, ...(token !== undefined && { token }), ...(tls !== undefined && { tls }) },
  }
}

type Addresses = Pick<GatewayConfig, 'listen' | 'admin' | 'tls'>

const filesOf = (written: Decoded<CoreFields>['tls'], resolve: (path: string) => string): CertificateFiles | undefined =>
  written?.cert === undefined || written.key === undefined ? undefined : { cert: resolve(written.cert), key: resolve(written.key) }

function checkTimers(root: MapNode, complaints: Complaints, sections: Readonly<Record<string, object | undefined>>): void {
  for (const [section, names] of [
    ['upstream', ['timeout']],
    ['limits', ['headers_within', 'idle']],
  ] as const) {
    for (const name of names) {
      const value = (sections[section] as Record<string, unknown> | undefined)?.[name]
      const place = childOf(childOf(root, section), name)
      if (typeof value === 'number' && value > LONGEST_MS && place !== undefined)
        complaints.error(place, `${section}.${name} is too long; expected at most 24d`)
    }
  }
}

/** What offers name and what wallets sign in to: an origin, nothing below it. */
function checkPublicUrl(url: string | undefined, place: Node | undefined, complaints: Complaints): void {
  if (url === undefined || place === undefined) return
  const isOrigin = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && new URL(url).origin === url.replace(/\/$/, '')
  if (!isOrigin) complaints.error(place, 'public_url is no origin; expected such as https://api.example, without a path')
}

function checkProxies(proxies: readonly string[], node: Node | undefined, complaints: Complaints): void {
  for (const [index, proxy] of proxies.entries()) {
    const place = node?.kind === 'list' ? node.items[index] : node
    const [address = '', bits, more] = proxy.split('/')
    const most = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1
    const fits = most !== -1 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
    if (!fits && place !== undefined)
      complaints.error(place, 'trusted_proxies holds something that is no address or network; expected such as 127.0.0.1 or 10.0.0.0/8')
  }
}
