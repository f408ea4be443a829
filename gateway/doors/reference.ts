/** docs/reference/: every refusal, from the one table of them, and every command, as its `--help` says it. `npm run generate` writes them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { type Plugin, refusals } from '#contract'
import { discover } from '../../config/discover.ts'
import { settingsPage } from '../../config/reference.ts'
import { adapters } from './cli/context.ts'
import { commandsOf } from './cli/helping.ts'
import { programOf } from './cli/program.ts'

export const REFERENCES = fileURLToPath(new URL('../../../docs/reference/', import.meta.url))

/** File name -> its text. */
export async function references(): Promise<ReadonlyMap<string, string>> {
  const plugins = await discover<Plugin>(new URL('../../plugins/', import.meta.url), 'plugin')
  return new Map([
    ['settings.md', settingsPage(plugins, [...(await adapters()).keys()].sort())],
    ['refusals.md', refusalsPage()],
    ['cli.md', commandsPage()],
  ])
}

const madeFrom = (what: string): string => `<!-- Made from ${what} by \`npm run generate\`. -->`

function refusalsPage(): string {
  const all = Object.entries(refusals).sort(([a, one], [b, other]) => one.status - other.status || (a < b ? -1 : 1))
  const rows = all.map(([code, { status, transient, title, fix }]) => `| \`${code}\` | ${status} | ${transient ? 'yes' : ''} | ${title}. | ${fix} |`)
  return `${[
    madeFrom('the table in gateway/contract/refusal.ts'),
    '# Refusals',
    'Each is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail` (what is wrong with this call), `code`, `request_id`, `fix`. None of them costs anything. What passes by itself has `Retry-After` where it is known when. Codes stay as they are; a program decides by them, not by the words.',
    ['| code | status | passes | what it means | what to do |', '| --- | --- | --- | --- | --- |', ...rows].join('\n'),
    'An answer of the provider that says that the request is bad, or that there is no such thing, is no refusal: it comes as the provider wrote it, and costs nothing either.',
  ].join('\n\n')}\n`
}

function commandsPage(): string {
  const parts = commandsOf(programOf()).flatMap(({ words, command }) => [`## atlas ${words}`, `\`\`\`text\n${helpOf(command)}\n\`\`\``])
  const all = commandsOf(programOf()).map(({ words }) => `- [atlas ${words}](#atlas-${words.replaceAll(' ', '-')})`)
  return `${[
    madeFrom("the commands' own help"),
    '# Commands',
    'In a checkout `npx atlas COMMAND`. Exit status: 0 done, 1 failed, 2 misused. Commands ask the gateway that runs, by the operator’s port; where none runs and the store is embedded they open it themselves, and they say which.',
    all.join('\n'),
    ...parts,
  ].join('\n\n')}\n`
}

/** With the examples that stand behind it, as wide as a terminal is by default. */
function helpOf(command: Command): string {
  const said: string[] = []
  command.configureOutput({ writeOut: (text) => void said.push(text), getOutHelpWidth: () => 100, getOutHasColors: () => false })
  command.outputHelp()
  return said.join('').trim()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(REFERENCES, { recursive: true })
  for (const [file, text] of await references()) writeFileSync(`${REFERENCES}${file}`, text)
}
