/** The views by the last part of their path; each is a file of its own. */
import type { View } from '../look.ts'
import { audit } from './audit.ts'
import { calls } from './calls.ts'
import { configuration } from './configuration.ts'
import { connections } from './connections.ts'
import { consumers } from './consumers.ts'
import { overview } from './overview.ts'
import { x402 } from './x402.ts'

export const views: ReadonlyMap<string, View> = new Map<string, View>([
  ['', overview],
  ['connections', connections],
  ['consumers', consumers],
  ['calls', calls],
  ['x402', x402],
  ['audit', audit],
  ['configuration', configuration],
])
