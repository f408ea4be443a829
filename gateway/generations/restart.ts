/** What a gateway stands on: settings that no reload can change. */
import type { Complaint } from '../../config/complaints.ts'
import type { GatewayConfig } from '../../config/model.ts'
import { complaintAt } from '../../config/places.ts'

interface Foundation {
  readonly setting: string
  of(config: GatewayConfig): unknown
}

const FOUNDATIONS: readonly Foundation[] = [
  { setting: 'mode', of: ({ mode }) => mode },
  { setting: 'listen', of: ({ listen }) => listen },
  { setting: 'admin.listen', of: ({ admin: { host, port } }) => ({ host, port }) },
  { setting: 'store', of: ({ store }) => store },
  { setting: 'ledger', of: ({ ledger }) => ledger },
  { setting: 'workers', of: ({ workers }) => workers },
  { setting: 'tls', of: ({ tls }) => tls },
  { setting: 'admin.tls', of: ({ admin: { tls } }) => tls },
  { setting: 'vault', of: ({ vault: { keyFile, keyCommand } }) => ({ keyFile, keyCommand }) },
]

/** Their names, in the order of the reference. */
export const needingRestart = (from: GatewayConfig, to: GatewayConfig): readonly string[] =>
  FOUNDATIONS.filter(({ of }) => JSON.stringify(of(from)) !== JSON.stringify(of(to))).map(({ setting }) => setting)

/** One for each. Addresses hold passwords: no value is told. */
export const restartComplaints = (from: GatewayConfig, to: GatewayConfig, text: string): readonly Complaint[] =>
  needingRestart(from, to).map((setting) =>
    complaintAt(to.file, text, setting.split('.'), `${setting} needs a restart; a reload takes nothing of this file as long as it changes that`),
  )
