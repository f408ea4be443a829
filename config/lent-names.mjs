/** Hooks of Node's module loader: names of ours that a file outside of any installation cannot resolve by itself. Read by discover.ts. */

let ours = {}

export function initialize(names) {
  ours = names
}

export async function resolve(specifier, context, next) {
  const url = Object.hasOwn(ours, specifier) ? ours[specifier] : undefined
  if (url === undefined) return next(specifier, context)
  try {
    return await next(specifier, context)
  } catch {
    return { url, shortCircuit: true }
  }
}
