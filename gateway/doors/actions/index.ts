/** What operators can ask for. The same actions serve the admin port and, where no gateway runs, the command line directly. */
import { auditActions } from './audit.ts'
import { logActions } from './logs.ts'
import { type Action, amount, instant, monthFrom, names, text, wholeNumber } from './asks.ts'
import { vaultActions } from './vault.ts'

export const actions: Readonly<Record<string, Action>> = {
  ...auditActions,
  'GET /api/abuse': (office) => office.abuse.list(),
  'POST /api/abuse/unblock': (office, ask) => office.abuse.unblock(text(ask, 'who') ?? ''),
  ...logActions,
  'POST /api/reload': (office) => office.reload(),
  'POST /api/diff': (office, ask) => office.diff(text(ask, 'text') ?? '', text(ask, 'file') ?? 'gateway.config.yml'),
  'GET /api/status': (office) => office.marketplace.status(),
  'GET /api/x402': (office) => office.x402(),
  'GET /api/keys': (office) => office.keys.list(),
  'GET /api/report': (office, ask) => office.report(monthFrom(ask), text(ask, 'owner')),
  'GET /api/calls': (office, ask) => office.calls(instant(ask, 'since')),
  'POST /api/enable': (office, ask) => office.marketplace.enable(names(ask), { acceptRisk: ask.accept_risk === true }),
  'POST /api/disable': (office, ask) => office.marketplace.disable(names(ask)),
  'POST /api/keys/revoke': (office, ask) => office.keys.revoke(text(ask, 'id') ?? ''),
  'POST /api/keys/rotate': (office, ask) => office.keys.rotate(text(ask, 'id') ?? ''),
  ...vaultActions,
  'GET /api/payouts': (office) => office.payouts.plan(),
  'POST /api/payouts/run': (office) => office.pay('admin'),
  'GET /api/ledger/export': (office, ask) => office.exportLedger(text(ask, 'format') ?? 'csv'),
  'GET /api/ledger/verify': (office) => office.verify(),
  'POST /api/ledger/correct': (office, ask) => office.correct(text(ask, 'entry') ?? '', text(ask, 'reason') ?? ''),
  'POST /api/keys': (office, ask) => {
    const owner = text(ask, 'owner')
    const [day, month] = [amount(ask, 'cap_per_day'), amount(ask, 'cap_per_month')]
    const expires = wholeNumber(ask, 'expires_in_ms')
    return office.keys.create({
      credits: (amount(ask, 'credits') ?? 0n) as never,
      ...(owner === undefined ? {} : { owner }),
      ...(day === undefined ? {} : { capPerDay: day as never }),
      ...(month === undefined ? {} : { capPerMonth: month as never }),
      ...(expires === undefined ? {} : { expiresInMs: expires }),
    })
  },
}
