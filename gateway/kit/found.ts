/** One file of an adapter or a plugin, wherever it stands, by the way in which the gateway itself would load it. */
import { existsSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Found, type Kind, load } from '../../config/discover.ts'

/** Of the package: this file runs from dist/gateway/kit. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** A sentence for whoever ran the command. */
export class KitError extends Error {
  override name = 'KitError'
}

/** What a source of the house runs as; any other file runs as it is. */
function runnable(file: string): string {
  const within = relative(ROOT, resolve(file))
  const isOurs = !within.startsWith('..') && !within.startsWith(`dist${sep}`)
  const built = join(ROOT, 'dist', within.replace(/\.ts$/, '.js'))
  return isOurs && existsSync(built) ? built : resolve(file)
}

/** @throws KitError where there is no such file */
export async function findFile(file: string, kind: Kind): Promise<Found> {
  if (!existsSync(file)) throw new KitError(`there is no file ${file}; expected the file of one ${kind}`)
  if (!/\.(js|mjs|ts)$/.test(file)) throw new KitError(`${file} is no source; expected a file that ends in .mjs, .js or .ts`)
  return load(pathToFileURL(runnable(file)), basename(file), kind)
}
