#!/usr/bin/env node
/** The `atlas` command: makes sure that dist is as new as the sources, then runs what is bundled there. */
import { build } from './build.mjs'

try {
  await build({ only: 'product' })
} catch (error) {
  console.error(`atlas: ${error.message}`)
  process.exit(1)
}
const { run } = await import('../dist/bundle/gateway.main.js')
await run({ refresh: () => build({ only: 'found' }) })
