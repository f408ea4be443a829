/** `atlas abuse`: who is throttled or blocked, for what and until when; and letting him go. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { table } from './table.ts'

interface Common {
  readonly config?: string
  readonly json?: boolean
}

interface Suspects {
  readonly suspects: readonly {
    readonly who: string
    readonly state: string
    readonly score: number
    readonly abuse: Readonly<Record<string, number>>
    readonly refused: number
    readonly shadow: boolean
    readonly until: string | null
  }[]
  readonly total: number
  readonly note: string | null
}

export function addAbuseCommands(program: Command, common: (command: Command) => Command): void {
  const abuse = program.command('abuse').description('consumers that do what honest ones do not')
  common(abuse.command('list').description('who is watched, throttled or blocked, for what, and until when')).action(list)
  common(abuse.command('unblock <who>').description('forget all that stands against an address, a key (its id) or a wallet')).action(unblock)
}

async function list({ config, json }: Common): Promise<void> {
  const { value, by } = await ask(config, 'GET', '/api/abuse')
  process.stderr.write(`${by}\n`)
  process.stdout.write(`${json === true ? JSON.stringify(value, null, 2) : shown(value as Suspects)}\n`)
}

async function unblock(who: string, { config, json }: Common): Promise<void> {
  const { value, by } = await ask(config, 'POST', '/api/abuse/unblock', { who })
  process.stderr.write(`${by}\n`)
  const { who: subject, was, score } = value as { who: string; was: string; score: number }
  process.stdout.write(`${json === true ? JSON.stringify(value, null, 2) : `${subject} is forgotten; it was ${was} with a score of ${score}`}\n`)
}

function shown({ suspects, total, note }: Suspects): string {
  if (suspects.length === 0) return note ?? 'nobody is suspected'
  const columns = [
    { title: 'who' },
    { title: 'state' },
    { title: 'score', align: 'right' as const },
    { title: 'calls by kind' },
    { title: 'refused', align: 'right' as const },
    { title: 'until' },
  ]
  const rows = suspects.map(({ who, state, score, abuse, refused, shadow, until }) => [
    ...[who, shadow ? `would be ${state}` : state, String(score)],
    ...[kinds(abuse), String(refused), until === null ? '-' : until.slice(0, 19).replace('T', ' ')],
  ])
  const more = total > suspects.length ? [`and ${total - suspects.length} more`] : []
  return [table(columns, rows), ...more].join('\n')
}

const kinds = (abuse: Readonly<Record<string, number>>): string =>
  Object.entries(abuse)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ')
