/** What only a gateway that is open can tell the office. */
import type { Gateway } from '../gateway.ts'
import type { Health, Live } from '../office/index.ts'

export const liveOf = (gateway: Gateway) =>
  ({
    health: (name) => healthOf(gateway, name),
    quality: (name) => gateway.quality.connection(name),
    resume: (name) => gateway.health.resume(name),
    payments: () => gateway.payments.shown(),
    probe: (name) => gateway.vetting.vet(name),
    credential: (entry, secret) => gateway.credential(entry, secret),
    meters: gateway.ground.meters,
  }) satisfies Live

/** What is known against a connection goes before how its last calls went. */
function healthOf({ quality, health }: Gateway, name: string): Health {
  const { health: word, lastFailure } = quality.health(name)
  const shown = health.shown(name)
  return { health: shown?.word ?? word, lastFailure, pausedBecause: shown?.because, pausedUntilMs: shown?.untilMs, pace: shown?.pace }
}
