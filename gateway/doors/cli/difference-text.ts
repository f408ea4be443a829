/** What differs between two configurations, for people. */
import type { Area, Change, Difference } from '../../generations/difference.ts'
import { bold } from './table.ts'

const AREAS: readonly Area[] = ['connections', 'routes', 'plugins', 'limits', 'other']
const WORDS: Readonly<Record<string, string>> = { for_sale: 'for sale', most_revenue: 'most that it earns' }

export function differenceText({ changes, needs_restart: restart }: Difference): string {
  const parts = AREAS.flatMap((area) => {
    const found = changes.filter((change) => change.area === area)
    return found.length === 0 ? [] : [`${bold(area)}\n${lines(found)}`]
  })
  if (restart.length > 0) parts.push(`${bold('needs a restart')}\n${restart.map((setting) => `  ${setting}`).join('\n')}`)
  return parts.length === 0 ? 'nothing differs; credentials are not compared' : parts.join('\n')
}

function lines(changes: readonly Change[]): string {
  const subject = Math.max(...changes.map(({ of }) => of.length))
  const what = Math.max(...changes.map((change) => wordsOf(change).length))
  return changes
    .map((change, at) => {
      const isFirst = at === 0 || changes[at - 1]?.of !== change.of
      const head = subject === 0 ? '' : `${(isFirst ? change.of : '').padEnd(subject)}  `
      const note = change.note === undefined ? '' : `; ${change.note}`
      return `  ${head}${wordsOf(change).padEnd(what)}  ${change.before ?? '-'} → ${change.after ?? '-'}${note}`
    })
    .join('\n')
}

const wordsOf = ({ what }: Change): string => WORDS[what] ?? what
