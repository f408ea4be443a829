/** `atlas adapter new` and `plugin new`: where a new file belongs, what stands in it, and what its author does next. Nothing is ever overwritten. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Kind } from '../../config/discover.ts'
import { foldersIn } from '../../config/folders.ts'
import { OWN } from '../../config/routes.ts'
import { KitError, ROOT } from './found.ts'
import { newAdapter, newPlugin, newPluginTest } from './templates.ts'

export interface Wish {
  readonly kind: Kind
  readonly name: string
  readonly cwd: string
  /** Of the configuration that names folders; it need not be there. */
  readonly config: string
  /** In place of where it would be written. */
  readonly dir?: string | undefined
}

export interface Written {
  readonly files: readonly string[]
  /** What to do next, a line each. */
  readonly next: readonly string[]
}

/** How a file is written: in the repository TypeScript, elsewhere JavaScript that any Node runs. */
export interface Style {
  readonly ours: boolean
  /** From which the contract is imported. */
  readonly contract: '#contract' | 'atlas-gateway'
  readonly extension: '.ts' | '.mjs'
}

interface Spot extends Style {
  readonly folder: string
  /** As the configuration would name it; undefined where nothing has to be named. */
  readonly unnamed: string | undefined
}

/** @param source text of an adapter's file, where it does not come from the template. @throws KitError */
export function write(wish: Wish, source?: (style: Style) => string): Written {
  checkName(wish)
  const spot = spotOf(wish)
  const file = join(spot.folder, wish.name + spot.extension)
  const files: [string, string][] =
    wish.kind === 'adapter'
      ? [[file, source?.(spot) ?? newAdapter(wish.name, spot)]]
      : [
          [file, newPlugin(wish.name, spot)],
          [testOf(wish.name, spot), newPluginTest(wish.name, spot)],
        ]
  for (const [path] of files) if (existsSync(path)) throw new KitError(`${shown(wish, path)} is there already; nothing was written`)
  for (const [path, content] of files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content, { flag: 'wx' })
  }
  const written = files.map(([path]) => shown(wish, path))
  return { files: written, next: nextOf(wish, spot, written) }
}

function checkName({ kind, name }: Wish): void {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) throw new KitError(`${name} is no name; expected lower-case letters, digits and -, such as acme`)
  if (kind === 'adapter' && OWN.has(name)) throw new KitError(`/${name} is a path of the gateway itself; expected another name`)
  if (existsSync(join(ROOT, 'dist', `${kind}s`, `${name}.js`)))
    throw new KitError(`there is ${kind === 'adapter' ? 'an' : 'a'} ${kind} ${name} already; expected a name of its own`)
}

function spotOf({ kind, cwd, config, dir }: Wish): Spot {
  const named = existsSync(config) ? foldersIn(readFileSync(config, 'utf8'))[kind] : []
  const isCheckout = resolve(cwd) === ROOT && existsSync(join(ROOT, 'tsconfig.json'))
  if (dir === undefined && isCheckout) return { folder: join(ROOT, `${kind}s`), ours: true, contract: '#contract', extension: '.ts', unnamed: undefined }
  const base = dirname(resolve(config))
  const folder = dir === undefined ? resolve(base, named[0] ?? `my-${kind}s`) : resolve(cwd, dir)
  const isNamed = named.some((one) => resolve(base, one) === folder)
  const unnamed = isNamed ? undefined : `./${relative(base, folder)}`
  return { folder, ours: false, contract: 'atlas-gateway', extension: '.mjs', unnamed }
}

const testOf = (name: string, { ours, folder }: Spot): string => (ours ? join(ROOT, 'test/plugins', `${name}.test.ts`) : join(folder, `${name}.test.mjs`))

const shown = ({ cwd }: Pick<Wish, 'cwd'>, path: string): string => relative(cwd, path)

function nextOf({ kind, name }: Wish, { unnamed, ours }: Spot, [file = '', test = '']: readonly string[]): readonly string[] {
  const folders = unnamed === undefined ? [] : [`name its folder in gateway.config.yml: ${kind}_dirs: [${unnamed}]`]
  if (kind === 'adapter') {
    const connection = `{ name: ${name}, monthly_quota: 1000, reserved: 200, base_cost: $0.01, resale_terms: confirmed }`
    return [
      'write into it what the provider says: base, credential, operations with their units, failures, terms',
      `atlas adapter test ${file}`,
      ...folders,
      `sell it: a line of api_connections, such as ${connection}`,
    ]
  }
  const run = ours ? `npm run t -- ${test}` : `node --test ${test}`
  return [`atlas plugin test ${file}`, run, ...folders, `name it in the chain: a line of plugins, such as - ${name}`]
}
