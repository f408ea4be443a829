/** `atlas adapter` and `atlas plugin`: a new file, and what is to be said of one. They ask no gateway. */
import type { Command } from 'commander'
import { DEFAULT_FILE, Failure } from './context.ts'
import type { Common } from './printing.ts'

interface Options extends Common {
  readonly dir?: string
  readonly openapi?: string
}

const COMMAND = { adapter: 'a provider in one file', plugin: 'a part of the chain in one file' } as const
type Kind = keyof typeof COMMAND

export function addContributorCommands(program: Command, common: (command: Command) => Command): void {
  for (const kind of ['adapter', 'plugin'] as const) {
    const group = program.command(kind).description(COMMAND[kind])
    const fresh = common(group.command('new <name>').description(`write a first file of ${kind === 'adapter' ? 'an adapter' : 'a plugin'}`)).option(
      '--dir <folder>',
      `where; default: the first of ${kind}_dirs, else ./my-${kind}s`,
    )
    if (kind === 'adapter') fresh.option('--openapi <file>', 'begin with what an OpenAPI 3 document says (JSON or YAML)')
    fresh.action((name: string, options: Options) => create(kind, name, options))
    common(group.command('test <file>').description('say what is wrong with a file, and what is good')).action((file: string, options: Options) =>
      judge(kind, file, options),
    )
  }
}

async function create(kind: Kind, name: string, { config, json, dir, openapi }: Options): Promise<void> {
  const { write } = await import('../../kit/scaffold.ts')
  const imported = openapi === undefined ? undefined : (await import('../../kit/openapi/index.ts')).readOpenApi(openapi, name)
  const { files, next } = write({ kind, name, cwd: process.cwd(), config: config ?? DEFAULT_FILE, dir }, imported?.source)
  const notes = imported?.notes ?? []
  if (json === true) return void process.stdout.write(`${JSON.stringify({ files, notes, next }, null, 2)}\n`)
  const noted = notes.length === 0 ? [] : ['', `not taken over, or to be looked at (${notes.length}):`, ...notes.map((note) => `  ${note}`)]
  process.stdout.write(`${[...files.map((file) => `wrote ${file}`), ...noted, '', 'next:', ...next.map((line, at) => `  ${at + 1}. ${line}`)].join('\n')}\n`)
}

async function judge(kind: Kind, file: string, { json }: Options): Promise<void> {
  const { isGood, shown, testAdapter, testPlugin } = await import('../../kit/index.ts')
  const verdict = kind === 'adapter' ? await testAdapter(file) : await testPlugin(file)
  process.stdout.write(`${json === true ? JSON.stringify({ good: isGood(verdict), ...verdict }, null, 2) : shown(verdict)}\n`)
  if (!isGood(verdict)) throw new Failure('')
}
