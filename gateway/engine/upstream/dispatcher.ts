/** For other rooms that call URLs of owners, which is seldom: whoever does loads it then. */
import { Agent } from 'undici'
import { type Guard, guarded } from './connect.ts'

/** undici's, behind the same guard as calls. It follows no redirect by itself. */
export const guardedDispatcher = (guard: Guard): Agent => new Agent({ connect: guarded(guard), pipelining: 1 })
