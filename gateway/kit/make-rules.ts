/**
 * Writes dist/rules: the checks of all schemas that come with the gateway as code (what ajv would make of them at each start and first
 * call), and the digests of the adapters in which nothing is wrong. Run by the build; read by gateway/rules.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import standalone from 'ajv/dist/standalone/index.js'
import type { Adapter, Plugin } from '#contract'
import { discover, type Kind, Misfits } from '../../config/discover.ts'
import { faultsOfAdapter } from '../../config/adapter-check/index.ts'
import { gatewaySchema } from '../../config/schema.ts'
import { schemasOf } from '../engine/catalogue.ts'
import { ajvWith, digestOf, type Form, FORMS, fileOf, PROVEN, RULES } from '../rules/index.ts'

const DIST = new URL('../../', import.meta.url)

/** What does not fit is told at the start. */
async function found<T extends { readonly name: string }>(kind: Kind): Promise<ReadonlyMap<string, T>> {
  try {
    return await discover<T>(new URL(`${kind}s/`, DIST), kind)
  } catch (error) {
    if (!(error instanceof Misfits)) throw error
    return error.found as ReadonlyMap<string, T>
  }
}

function codeOf(form: Form, schema: object): string | undefined {
  const ajv = ajvWith({ ...FORMS[form], code: { source: true } })
  try {
    return standalone.default(ajv, ajv.compile(schema))
  } catch {
    // Whoever meets it tells what is wrong with it.
    return undefined
  }
}

/** In one step, since a gateway may be reading. */
function write(name: string, text: string): void {
  const file = new URL(name, RULES)
  const whole = new URL(`.${name}.${process.pid}`, RULES)
  writeFileSync(whole, text)
  renameSync(whole, file)
}

const [plugins, adapters] = [await found<Plugin>('plugin'), await found<Adapter>('adapter')]
mkdirSync(RULES, { recursive: true })
const kept = new Set([PROVEN])
function keep(form: Form, schema: object): void {
  const name = fileOf(form, schema)
  if (kept.has(name)) return
  const code = codeOf(form, schema)
  if (code === undefined) return
  write(name, code)
  kept.add(name)
}

keep('file', gatewaySchema(plugins, adapters))
for (const { operations } of adapters.values()) for (const operation of operations) for (const schema of schemasOf(operation)) keep('members', schema)
const sound = [...adapters.values()].filter((adapter) => faultsOfAdapter(adapter).length === 0)
write(PROVEN, JSON.stringify(sound.map(({ name }) => digestOf(readFileSync(new URL(`adapters/${name}.js`, DIST))))))
for (const name of readdirSync(RULES)) if (!kept.has(name)) rmSync(new URL(name, RULES))
