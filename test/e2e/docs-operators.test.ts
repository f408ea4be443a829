/** docs/OPERATORS.md, which has more commands than all other pages together: each works, and says what it is said to say. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../rig/atlas.ts'
import { faultsOf } from '../rig/pages.ts'

const PAGE = 'docs/OPERATORS.md'

// Some thirty processes, one after the other.
t.setTimeout(300_000)

t.test(`${PAGE}: what it shows holds`, async (t) => t.strictSame(await faultsOf(t, PAGE, readFileSync(join(ROOT, PAGE), 'utf8')), []))
