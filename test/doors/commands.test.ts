/** Every command helps: with an example that it takes, in words that it suggests where one is misspelt, and with an exit status that says how it ended. */
import type { Command } from 'commander'
import t from 'tap'
import { commandsOf } from '../../gateway/doors/cli/helping.ts'
import { programOf } from '../../gateway/doors/cli/program.ts'
import { atlas } from '../rig/atlas.ts'

/** What operators can rely on. */
const CONTRACT = [
  ...['start', 'check', 'init', 'doctor', 'marketplace api enable', 'marketplace api disable', 'marketplace api status'],
  ...['connection add', 'connection rotate', 'connection remove', 'connection list', 'key create', 'key revoke', 'key rotate', 'key list'],
  ...['report', 'estimate', 'forecast', 'simulate', 'ledger verify', 'ledger export', 'receipt verify', 'payout plan', 'payout run', 'x402 status'],
  ...['audit verify', 'audit tail', 'abuse list', 'abuse unblock', 'vault rotate', 'logs'],
]

function helpOf(command: Command): string {
  let said = ''
  command.configureOutput({ writeOut: (text) => (said += text) })
  command.outputHelp()
  return said
}

t.test('every command has --config, --json, and help with an example that it takes', async (t) => {
  const all = commandsOf(programOf())
  for (const words of CONTRACT)
    t.ok(
      all.some((one) => one.words === words),
      `atlas ${words}`,
    )
  for (const { words, command } of all) {
    const help = helpOf(command)
    const options = command.options.map(({ long }) => long)
    t.not(command.description(), '', words)
    if (words !== 'estimate' || options.includes('--config'))
      t.ok(options.includes('--config') && options.includes('--json'), `${words} takes --config and --json`)
    const examples = help.split('\n').filter((line) => line.startsWith(`  atlas ${words}`) || line.includes(`| atlas ${words}`))
    t.ok(examples.length > 0, `${words} has an example`)
    for (const example of examples)
      for (const option of example.match(/--[\w-]+/g) ?? []) t.ok(options.includes(option), `${example.trim()}: ${option} is an option`)
    t.match(help, /Exit status: 0 done, 1 failed, 2 misused\./, words)
  }
})

t.test('what is misspelt is answered with what was probably meant, on stderr alone, with status 2', async (t) => {
  for (const [args, said] of [
    [['forecst'], "unknown command 'forecst'; nearest: forecast\n"],
    [['key', 'creat'], "unknown command 'creat'; nearest: create\n"],
    [['marketplace', 'api', 'statsu'], "unknown command 'statsu'; nearest: status\n"],
    [['report', '--ownr', 'alice'], "unknown option '--ownr'; nearest: --owner\n"],
    [['report', '--format', 'hleger'], '--format hleger is no format; nearest: hledger\n'],
    [['report', '--month', '2026-13'], '--month 2026-13 is no month; expected for example 2026-11\n'],
    [['report', '--json', '--format', 'csv'], '--json and --format csv are two formats; expected one of them\n'],
    [['simulate', '--since', '24h'], "required option '--config <new>' not specified\n"],
    [['simulate', '--config', 'x.yml', '--since', 'yesterday'], '--since yesterday is no time; expected for example 24h, 30d or 2026-11-01\n'],
    [['logs', '--level', 'wran'], '--level wran is no level; nearest: warn\n'],
    [['estimate', '--quota', 'many'], /^required option/],
  ] as const) {
    const ran = await atlas(args)
    t.equal(ran.status, 2, args.join(' '))
    t.equal(ran.stdout, '', args.join(' '))
    if (typeof said === 'string') t.equal(ran.stderr, said)
    else t.match(ran.stderr, said)
  }
})

t.test('help ends with 0 on stdout, a command without its verb with 2 and the verbs that there are; nothing is coloured in a pipe', async (t) => {
  const [help, bare, verbless] = await Promise.all([atlas(['report', '--help']), atlas([]), atlas(['key'])])
  t.same([help.status, bare.status, verbless.status], [0, 2, 2])
  t.match(help.stdout, /^Usage: atlas report/)
  t.match(help.stdout, /Examples:\n {2}atlas report --month 2026-11\n/)
  t.match(bare.stderr + bare.stdout, /Help on a command: atlas COMMAND --help/)
  t.match(verbless.stderr + verbless.stdout, /create \[options\]/)
  for (const { stdout, stderr } of [help, bare, verbless]) t.notMatch(stdout + stderr, '\u001b')
})
