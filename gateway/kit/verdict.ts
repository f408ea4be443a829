/** What a file is told: every check with what is wrong, by the same rules for whoever wrote it. Nothing is kept of a run. */
import { basename } from 'node:path'
import { type Adapter, messageOf, type Plugin } from '#contract'
import { guarantees as ofAdapters } from './adapter-guarantees.ts'
import { drive, type Finding } from './drive.ts'
import { findFile } from './found.ts'
import { guarantees as ofPlugins } from './plugin-guarantees.ts'
import { ourPlugins } from './stage.ts'

export interface Verdict {
  readonly kind: 'adapter' | 'plugin'
  readonly file: string
  readonly name: string
  readonly findings: readonly Finding[]
  /** In a sentence, what was looked at. */
  readonly about: string
}

export const isGood = ({ findings }: Verdict): boolean => findings.every(({ complaints }) => complaints.length === 0)

const LOADS = 'it loads: members, schemas, patterns, rules for units, example and sample'

/** @throws KitError where there is no such file */
export async function testAdapter(file: string): Promise<Verdict> {
  const { item, faults } = await findFile(file, 'adapter')
  const name = nameOf(file)
  const loaded: Finding = { check: LOADS, complaints: faults }
  const adapter = item as Adapter | undefined
  if (adapter === undefined || faults.length > 0) return { kind: 'adapter', file, name, findings: [loaded], about: 'it does not load' }
  const kept = ofAdapters.map((guarantee): Finding => ({ check: guarantee.name, complaints: tried(() => guarantee.complaints(adapter, name)) }))
  const driven = await driving(adapter)
  const { operations, failures } = adapter
  const about = `${count(operations.length, 'operation')} and ${count(failures.length, 'failure')} driven through a gateway`
  return { kind: 'adapter', file, name, findings: [loaded, ...kept, ...driven], about }
}

const SOLD = 'it can be sold'
/** A machine that stands still for a moment says nothing about the file: it is driven anew. */
const STALLED = /the store is slow|the charge of this call could not be written|the provider did not answer in time/
const TRIES = 3

async function driving(adapter: Adapter): Promise<readonly Finding[]> {
  const plugins = await ourPlugins()
  for (let count = 1; ; count += 1) {
    const findings = await drive(adapter, plugins).catch((error: unknown): Finding[] => [{ check: SOLD, complaints: [messageOf(error)] }])
    const stalled = findings.some(({ complaints }) => complaints.some((complaint) => STALLED.test(complaint)))
    if (!stalled || count === TRIES) return findings
  }
}

/** @throws KitError where there is no such file */
export async function testPlugin(file: string): Promise<Verdict> {
  const { item, faults } = await findFile(file, 'plugin')
  const name = nameOf(file)
  const loaded: Finding = { check: 'it loads', complaints: faults }
  const plugin = item as Plugin | undefined
  if (plugin === undefined || faults.length > 0) return { kind: 'plugin', file, name, findings: [loaded], about: 'it does not load' }
  const all = new Map([...(await ourPlugins()), [plugin.name, plugin]])
  const findings: Finding[] = [loaded]
  for (const guarantee of ofPlugins) {
    const complaints = await Promise.resolve()
      .then(() => guarantee.complaints(plugin, name, { all }))
      .catch((error: unknown) => [messageOf(error)])
    findings.push({ check: guarantee.name, complaints })
  }
  return { kind: 'plugin', file, name, findings, about: `${count(Object.keys(plugin.settings).length, 'setting')}, a real chain and a real store` }
}

const nameOf = (file: string): string => basename(file).replace(/\.(js|mjs|ts)$/, '')
const count = (many: number, of: string): string => `${many} ${of}${many === 1 ? '' : 's'}`

function tried(work: () => readonly string[]): readonly string[] {
  try {
    return work()
  } catch (error) {
    return [messageOf(error)]
  }
}

/** As a person reads it. */
export function shown(verdict: Verdict): string {
  const { findings, file, about } = verdict
  const lines = findings.flatMap(({ check, complaints, unknown }) => [
    `${complaints.length > 0 ? 'failed ' : unknown === undefined ? 'ok     ' : '-      '} ${check}${unknown === undefined ? '' : ` (${unknown})`}`,
    ...complaints.map((complaint) => `          ${complaint}`),
  ])
  const wrong = findings.filter(({ complaints }) => complaints.length > 0).length
  const end = wrong === 0 ? `${file} is good: ${about}` : `${file} fails ${wrong} of ${findings.length} checks: ${about}`
  return [...lines, '', end].join('\n')
}
