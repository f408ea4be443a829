/** Actions on who is suspected of abuse. */
import { type Action, text } from './asks.ts'

export const abuseActions: Readonly<Record<string, Action>> = {
  'GET /api/abuse': (office) => office.abuse.list(),
  'POST /api/abuse/unblock': (office, ask) => office.abuse.unblock(text(ask, 'who') ?? ''),
}
