/** What operators can ask of the audit log. */
import { OfficeError } from '../../office/index.ts'
import { type Action, type Ask, text } from './asks.ts'

function limitOf(ask: Ask): number | undefined {
  const value = ask.limit
  if (value === undefined || value === null || value === '') return undefined
  // Of a query it is text.
  if (!/^[1-9]\d{0,8}$/.test(String(value))) throw new OfficeError(`limit ${String(value)} is no number of lines; expected a whole number above 0`)
  return Number.parseInt(String(value), 10)
}

export const auditActions: Readonly<Record<string, Action>> = {
  'GET /api/audit': (office, ask) => {
    const limit = limitOf(ask)
    const owner = text(ask, 'owner')
    return office.audit.tail({ ...(limit === undefined ? {} : { limit }), ...(owner === undefined ? {} : { owner }) })
  },
  'GET /api/audit/verify': (office) => office.audit.verify(),
}
