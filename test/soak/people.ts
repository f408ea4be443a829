/** Who asks the soaked gateway: keys with credits, one with little, an owner's, one that always leaves early, one that asks for what cannot be. */
import { usd } from '#contract'
import type { Spender } from './calls.ts'
import type { People } from './habits.ts'
import type { Machine } from './machine.ts'

const RICH = 6

export async function peopleOf({ started }: Machine): Promise<People> {
  const keyFor = async (wish: { readonly credits?: string; readonly owner?: string }): Promise<Spender> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(wish) }
    const { id, key } = (await (await fetch(`${started.adminUrl}/api/keys`, init)).json()) as { id: string; key: string }
    return { id, key, account: `key:${id}`, credits: wish.credits === undefined ? undefined : usd(wish.credits) }
  }
  const rich: Spender[] = []
  for (let count = 0; count < RICH; count += 1) rich.push(await keyFor({ credits: '$100000' }))
  const [poor, leaver, clumsy] = [await keyFor({ credits: '$0.40' }), await keyFor({ credits: '$1000' }), await keyFor({ credits: '$1000' })]
  return { rich, poor, leaver, clumsy, owner: await keyFor({ owner: 'alice' }), buyers: [] }
}
