/** What only a gateway that is open can tell the office. */
import type { Gateway } from '../gateway.ts'
import type { Live } from '../office/index.ts'

export const liveOf = (gateway: Gateway): Live => ({
  health: (name) => gateway.quality.health(name),
  quality: (name) => gateway.quality.connection(name),
  payments: () => gateway.payments.shown(),
  probe: (name) => gateway.vetting.vet(name),
})
