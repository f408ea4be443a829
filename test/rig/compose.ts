/** compose.yml as the compose specification reads it: what of it would be refused, and what a service's process would find in its environment. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load, YAML11_SCHEMA } from 'js-yaml'
import { ROOT } from './atlas.ts'

export interface Service {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly env_file?: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly networks?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: Readonly<Record<string, unknown>> & { readonly test: readonly string[] }
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly stop_grace_period?: string
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
  readonly volumes: Readonly<Record<string, object>>
}

/** Merge keys (`<<`) are of YAML 1.1, and the specification has them. */
export const readCompose = (): Compose => load(readFileSync(join(ROOT, 'compose.yml'), 'utf8'), { schema: YAML11_SCHEMA }) as Compose

const TOP = new Set(['name', 'services', 'networks', 'volumes', 'configs', 'secrets', 'include'])
/** Those of the specification that are used here; another one is looked up there first, then put into this list. */
const OF_A_SERVICE = new Set([
  ...['image', 'build', 'command', 'environment', 'env_file', 'depends_on', 'networks', 'ports', 'volumes', 'healthcheck', 'read_only', 'tmpfs'],
  ...['cap_drop', 'security_opt', 'init', 'restart', 'stop_grace_period', 'stop_signal'],
])
const OF_A_HEALTHCHECK = new Set(['test', 'interval', 'timeout', 'retries', 'start_period'])
const CONDITIONS = new Set(['service_started', 'service_healthy', 'service_completed_successfully'])
const DURATION = /^(\d+(us|ms|s|m|h))+$/
const PORT = /^(\d+\.\d+\.\d+\.\d+:)?\d{1,5}:\d{1,5}(\/(tcp|udp))?$/

/** One sentence for each fault. */
export function composeFaults(compose: Compose): string[] {
  const faults = Object.keys(compose)
    .filter((name) => !TOP.has(name) && !name.startsWith('x-'))
    .map((name) => `${name} is no member of a compose file`)
  const published = new Map<string, string>()
  for (const [name, service] of Object.entries(compose.services)) {
    const told = (what: string): void => void faults.push(`${name}: ${what}`)
    for (const member of Object.keys(service)) if (!OF_A_SERVICE.has(member)) told(`${member} is no member of a service that is known here`)
    if (service.image === undefined && service.build === undefined) told('neither image nor build')
    if (service.image !== undefined && !/:[\w.-]*\w$/.test(service.image)) told(`${service.image} has no tag`)
    for (const network of service.networks ?? []) if (!Object.hasOwn(compose.networks, network)) told(`there is no network ${network}`)
    for (const volume of service.volumes ?? []) {
      const [from = '', to = '', ...more] = volume.split(':')
      if (!to.startsWith('/') || (more.length > 0 && !['ro', 'rw'].includes(more.join(':')))) told(`${volume} is no volume`)
      if (!/^[./]/.test(from) && !Object.hasOwn(compose.volumes, from)) told(`there is no volume ${from}`)
    }
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      if (!Object.hasOwn(compose.services, other)) told(`there is no service ${other}`)
      if (!CONDITIONS.has(condition)) told(`${condition} is no condition`)
      if (condition === 'service_healthy' && compose.services[other]?.healthcheck === undefined) told(`${other} never says that it is healthy`)
    }
    for (const port of service.ports ?? []) {
      const outside = port.split(':').at(-2) ?? ''
      if (!PORT.test(port)) told(`${port} is no port`)
      if (published.has(outside)) told(`port ${outside} is that of ${published.get(outside)}, too`)
      published.set(outside, name)
    }
    healthFaults(service).forEach(told)
    if (!DURATION.test(service.stop_grace_period ?? '0s')) told(`${service.stop_grace_period} is no duration`)
  }
  return faults
}

function healthFaults({ healthcheck }: Service): string[] {
  if (healthcheck === undefined) return []
  const { test, interval = '1s', timeout = '1s' } = healthcheck
  return [
    ...Object.keys(healthcheck).flatMap((member) => (OF_A_HEALTHCHECK.has(member) ? [] : [`${member} is no member of a healthcheck`])),
    ...(['CMD', 'CMD-SHELL'].includes(test[0] ?? '') ? [] : ['its healthcheck begins with neither CMD nor CMD-SHELL']),
    ...[interval, timeout].flatMap((text) => (DURATION.test(String(text)) ? [] : [`${text} is no duration`])),
    // A $ that is not doubled is filled in by compose, not by the container.
    ...(test.some((word) => /(^|[^$])\$(?!\$)/.test(word)) ? ['its healthcheck has a $ that is not doubled'] : []),
  ]
}

/** NAME=value a line; what stands in `environment` wins. The files stand here as examples. */
export function environmentOf({ env_file: file, environment = {} }: Service): Record<string, string> {
  const lines = file === undefined ? [] : readFileSync(join(ROOT, `${file}.example`), 'utf8').split('\n')
  const read = lines.flatMap((line): [string, string][] => {
    const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
    return name === '' ? [] : [[name, value]]
  })
  return { ...Object.fromEntries(read), ...environment }
}
