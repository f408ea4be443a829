/** All six. */
import type { ProviderScript } from './account.ts'
import { arkham } from './arkham.ts'
import { defillama } from './defillama.ts'
import { glassnode } from './glassnode.ts'
import { kaito } from './kaito.ts'
import { messari } from './messari.ts'
import { nansen } from './nansen.ts'

export type { Failure, ProviderScript } from './account.ts'
export const providers: Readonly<Record<string, ProviderScript>> = { nansen, kaito, arkham, messari, glassnode, defillama }
