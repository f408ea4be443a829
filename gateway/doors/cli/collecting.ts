/**
 * How V8 collects in a process that serves. These are flags that it reads whenever it collects, so that they may be set here;
 * they change when and by whom memory is collected, never what. Measured: docs/performance.md.
 */
import { setFlagsFromString } from 'node:v8'

/**
 * What is young is small, because calls end soon: one thread looks through it in a millisecond, while four have to be woken,
 * and share two cores with the calls. And what starting makes and drops would leave room for the young of 32 MiB, which is
 * never given back.
 */
export function collectWhileStarting(): void {
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--semi-space-growth-factor=1')
}

/**
 * From now on the room for the young grows with the load. And everything is looked through once the heap has doubled, not once
 * it has grown by a tenth, which is what V8 chooses where little grows old: that was every 2.5 s for 4 MB, by threads that share
 * two cores with the calls for 20 ms each time.
 */
export function collectWhileServing(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
  setFlagsFromString('--heap-growing-percent=100')
}
