/** A temporary folder, for tests of one room that need nothing of the whole gateway. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What of a tap test is needed here. */
export interface Teardown {
  teardown(work: () => unknown): unknown
}

const MEMORY = '/dev/shm'

/** In memory where there is such a place, for tests that write often and to which the disk means nothing. */
export const memoryFolder = (t: Teardown): string => folderIn(t, existsSync(MEMORY) ? MEMORY : tmpdir())

/** Goes with the test. */
export const temporaryFolder = (t: Teardown): string => folderIn(t, tmpdir())

function folderIn(t: Teardown, above: string): string {
  const folder = mkdtempSync(join(above, 'atlas-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
