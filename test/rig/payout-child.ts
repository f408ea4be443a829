/**
 * A process that pays, to be killed while it does.
 *
 *     node payout-child.js CONFIG
 */
import { openPaying } from './paying.ts'

const [, , file = ''] = process.argv
const paying = await openPaying({ teardown: () => undefined }, { file })
process.stdout.write('open\n')
const run = await paying.payouts().run()
process.stdout.write(`${JSON.stringify(run)}\n`)
await paying.close()
