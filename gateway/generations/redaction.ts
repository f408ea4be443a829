/** What a text takes from the environment is never told, whoever asks what the text would change: only the name is. */
import type { Change } from './difference.ts'

/** Shorter ones are no secrets, and stand in other words by chance. */
const LEAST = 6

type Env = Readonly<Record<string, string | undefined>>

export function redacted(changes: readonly Change[], text: string, env: Env): readonly Change[] {
  const names = [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name as string)
  const values = [...new Set(names)].flatMap((name) => {
    const value = env[name]
    return value === undefined || value.length < LEAST ? [] : [[name, value] as const]
  })
  if (values.length === 0) return changes
  const hide = (shown: string | null): string | null => shown && values.reduce((all, [name, value]) => replaced(all, value, `\${${name}}`), shown)
  return changes.map((change) => ({ ...change, of: hide(change.of) ?? '', before: hide(change.before), after: hide(change.after) }))
}

/** Hosts are written in small letters, whatever they were given in. */
function replaced(text: string, value: string, by: string): string {
  const at = text.toLowerCase().indexOf(value.toLowerCase())
  return at === -1 ? text : `${text.slice(0, at)}${by}${replaced(text.slice(at + value.length), value, by)}`
}
