/**
 * Where people and programs come in: `public.ts` (consumers; the only place that knows fast-gateway and restana), `admin.ts`
 * (operators), both behind `edge.ts` (what holds for every request, judged in `head.ts`), `cli/` (the atlas command). Never here: business rules; those are in the engine and in `gateway/office`.
 */
export { type Running, startDoors } from './start.ts'
