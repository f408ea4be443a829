/** `atlas abuse`: who is throttled or blocked, for what and until when; and letting him go. */
import type { Command } from 'commander'
import { ask } from './asking.ts'
import { type Common, print } from './printing.ts'
import { right, table } from './table.ts'

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

async function list(options: Common): Promise<void> {
  const answered = await ask(options.config, 'GET', '/api/abuse')
  print(answered, options, () => shown(answered.value as Suspects))
}

async function unblock(who: string, options: Common): Promise<void> {
  const answered = await ask(options.config, 'POST', '/api/abuse/unblock', { who })
  const { who: subject, was, score } = answered.value as { who: string; was: string; score: number }
  print(answered, options, () => `${subject} is forgotten; it was ${was} with a score of ${score}`)
}

function shown({ suspects, total, note }: Suspects): string {
  if (suspects.length === 0) return note ?? 'nobody is suspected'
  const columns = [{ title: 'who' }, { title: 'state' }, right('score'), { title: 'calls by kind' }, right('refused'), { title: 'until' }]
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
