/** Holds each consumer to a steady pace. Algorithm: GCRA, one timestamp per consumer. */
import { definePlugin } from '#contract'

export default definePlugin({
  name: 'rate-limit',
  describe: 'A steady pace for each consumer',
  needs: ['consumer'],
  settings: {
    per_consumer: { type: 'rate', default: '60/minute', describe: 'Calls that one consumer may make' },
    burst: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 20, describe: 'Calls that may come at once' },
  },
  create: ({ per_consumer, burst }) => ({
    admit: ({ consumer }) =>
      consumer.kind === 'owner' ? undefined : [{ kind: 'rate', key: consumer.id, of: 'consumer', rate: per_consumer, burst, refusal: 'rate_limited' }],
  }),
})
