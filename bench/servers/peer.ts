/** A module that bench/peers has installed. */

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(new URL('../../../bench/peers/package.json', import.meta.url))
export const peer = (name: string) => import(pathToFileURL(require.resolve(name)).href)
