/** All six. */
import type { ProviderScript } from './account.ts'
import { arkham } from './arkham.ts'
import { defillama } from './defillama.ts'
import { glassnode } from './glassnode.ts'
import { kaito } from './kaito.ts'
import { messari } from './messari.ts'
import { nansen } from './nansen.ts'

export { openAccount, type Failure, type ProviderAccount, type ProviderScript, QUOTA } from './account.ts'
export const providers: Readonly<Record<string, ProviderScript>> = { nansen, kaito, arkham, messari, glassnode, defillama }
