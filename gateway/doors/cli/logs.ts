/** `atlas logs`: what the running gateway has logged of late, and with --follow what it logs from now on. */
import type { Command } from 'commander'
import { askText } from './asking.ts'
import { Failure } from './context.ts'
import type { Common } from './printing.ts'
import { oneOf } from './suggesting.ts'
import { colourful } from './table.ts'

const LEVELS = ['debug', 'info', 'warn', 'error']

interface Options extends Common {
  readonly follow?: boolean
  readonly level: string
  readonly lines: string
}

export function addLogsCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('logs').description('what the running gateway logs'))
    .option('--follow', 'go on with what it logs from now on, until interrupted')
    .option('--level <level>', `from this level on: ${LEVELS.join(', ')}`, 'debug')
    .option('--lines <number>', 'how many of the last lines', '100')
    .addHelpText('after', '\nA gateway keeps its last 1000 lines; with workers they are those of the process that serves the operator.')
    .action(logs)
}

async function logs({ config, json, follow, level, lines }: Options): Promise<void> {
  if (!LEVELS.includes(level)) throw new Failure(oneOf({ what: 'level', option: '--level', named: level, of: LEVELS }), 2)
  if (!/^\d{1,4}$/.test(lines)) throw new Failure(`--lines ${lines} is no number of lines; expected 0 to 9999`, 2)
  let rest = ''
  const write = (text: string): void => {
    if (json === true) return void process.stdout.write(text)
    const all = (rest + text).split('\n')
    rest = all.pop() ?? ''
    for (const line of all) process.stdout.write(`${shown(line)}\n`)
  }
  await askText(config, '/api/logs', { level, lines, ...(follow === true ? { follow: 'true' } : {}) }, write)
}

const NAMES: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }
const COLOURS: Readonly<Record<string, number>> = { warn: 33, error: 31, fatal: 31 }

/** `22:03:04.120 warn  a sentence  name=value`. A line that is cut or no JSON is shown as it is. */
function shown(line: string): string {
  try {
    const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: number; msg?: string } & Record<string, unknown>
    const name = NAMES[level] ?? String(level)
    const colour = COLOURS[name]
    const word = colour !== undefined && colourful() ? `\u001b[${colour}m${name.padEnd(5)}\u001b[39m` : name.padEnd(5)
    const told = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    return `${new Date(time).toISOString().slice(11, 23)}  ${word}  ${[msg ?? '', ...told].map(plain).join('  ')}`
  } catch {
    return plain(line)
  }
}

/** What is printed on a terminal has no control characters, whoever wrote it. */
const plain = (text: string): string => text.replace(/\p{C}/gu, '?')
